//! Where in a pickle dicts of tensors stand, whatever a checkpoint calls them and whatever else it holds.
//!
//! Every value is looked at once, breadth first, so of two ways to one dict the shorter counts, and a value that stands in
//! itself ends nothing. Objects that were passed over are looked into: a class of somebody's own may be a kind of dict.
//! What an optimizer keeps, and the parts of a whole module, are no dicts of a net.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::pickle::Pickle;
use super::value::{Global, Id, Value};
use crate::container::MAX_NAME;
use crate::shown::shown;

/// The most dicts that are kept, those with the most tensors.
const MAX_DICTS: usize = 32;
/// The most classes that are told of what was passed over.
const MAX_CLASSES: usize = 8;

/// A dict of tensors: where it stands, and the tensors' names and places among the pickle's tensors.
pub(super) struct Found<'a> {
    pub(super) place: String,
    pub(super) named: Named<'a>,
    /// Tensors that are made in another way than from a storage, by name, with the name of that way.
    pub(super) others: Made<'a>,
}

/// What was found in a pickle.
pub(super) struct Findings<'a> {
    /// The dicts of tensors, the ones with the most first.
    pub(super) dicts: Vec<Found<'a>>,
    /// The class of a whole module in it.
    pub(super) module: Option<String>,
    /// The classes of what was passed over.
    pub(super) passed_over: Vec<String>,
}

/// A key on the way to a value.
#[derive(Clone, Copy)]
enum Key<'a> {
    Text(&'a str),
    Index(usize),
}

/// The names of a dict's tensors, and the tensors' places among the pickle's.
type Named<'a> = Vec<(&'a str, usize)>;

/// Names of tensors, and of the functions that would make them.
type Made<'a> = Vec<(&'a str, &'a str)>;

/// The keys on the way to a value: the last one, and the way before it.
struct Way<'a> {
    before: Option<usize>,
    key: Key<'a>,
}

/// Looks through a pickle.
pub(super) fn find<'a>(pickle: &Pickle<'a>) -> Findings<'a> {
    let mut walk = Walk {
        pickle,
        ways: Vec::new(),
        seen: vec![false; pickle.values.len()],
        queue: VecDeque::from([(pickle.root, None)]),
        dicts: Vec::new(),
        module: None,
    };
    while let Some((id, way)) = walk.queue.pop_front() {
        if !std::mem::replace(&mut walk.seen[id as usize], true) {
            walk.look(id, way);
        }
    }
    let Walk { ways, mut dicts, module, .. } = walk;
    // Of equally many the first stays first.
    dicts.sort_by_key(|(_, named, others)| std::cmp::Reverse(named.len() + others.len()));
    dicts.truncate(MAX_DICTS);
    let found = |(way, named, others)| Found { place: place(&ways, way), named, others };
    let dicts = dicts.into_iter().map(found).collect();
    Findings { dicts, module: module.map(|class| called(pickle, Some(class))), passed_over: classes(pickle) }
}

struct Walk<'p, 'a> {
    pickle: &'p Pickle<'a>,
    ways: Vec<Way<'a>>,
    seen: Vec<bool>,
    queue: VecDeque<(Id, Option<usize>)>,
    /// Dicts of tensors, by the ways to them.
    dicts: Vec<(Option<usize>, Named<'a>, Made<'a>)>,
    /// The class of a whole module.
    module: Option<usize>,
}

impl<'a> Walk<'_, 'a> {
    fn look(&mut self, id: Id, way: Option<usize>) {
        let pickle = self.pickle;
        match &pickle.values[id as usize] {
            Value::Dict(items) => self.items(items, way),
            Value::Tuple(list) | Value::List(list) => {
                for (index, &value) in list.iter().enumerate() {
                    self.go(value, way, Key::Index(index));
                }
            }
            &Value::Object(place) => {
                let object = &pickle.objects[place];
                if object.state.is_some_and(|state| self.is_module(state)) {
                    self.module = self.module.or(object.class);
                    return;
                }
                self.items(&object.items, way);
                self.queue.extend(object.state.into_iter().chain([object.arguments]).map(|id| (id, way)));
            }
            _ => {}
        }
    }

    /// The items of a dict: tensors, and what others may stand in.
    fn items(&mut self, items: &[(Id, Id)], way: Option<usize>) {
        let named: Named<'a> = items
            .iter()
            .filter_map(|(name, value)| match self.pickle.values[*value as usize] {
                Value::Tensor(index) => Some((self.text(*name)?, index)),
                _ => None,
            })
            .collect();
        let others: Made<'a> =
            items.iter().filter_map(|(name, value)| Some((self.text(*name)?, self.maker(*value)?))).collect();
        if !named.is_empty() {
            self.dicts.push((way, named, others));
        }
        // Of equal keys the last counts, as in a dict.
        let keyed: BTreeMap<&str, usize> = items
            .iter()
            .enumerate()
            .filter_map(|(index, (key, _))| Some((self.text(*key)?, index)))
            .collect();
        if keyed.contains_key("param_groups") {
            return;
        }
        for (index, (key, value)) in items.iter().enumerate() {
            match (self.text(*key), &self.pickle.values[*key as usize]) {
                (Some(text), _) if keyed.get(text) == Some(&index) => self.go(*value, way, Key::Text(text)),
                (None, Value::Int(number)) => self.go(*value, way, Key::Index(*number as usize)),
                _ => {}
            }
        }
    }

    /// Puts a value on the list of those to look at, if anything can stand in it.
    fn go(&mut self, value: Id, before: Option<usize>, key: Key<'a>) {
        let holds = matches!(
            self.pickle.values[value as usize],
            Value::Dict(_) | Value::Tuple(_) | Value::List(_) | Value::Object(_)
        );
        if holds && !self.seen[value as usize] {
            self.ways.push(Way { before, key });
            self.queue.push_back((value, Some(self.ways.len() - 1)));
        }
    }

    fn text(&self, id: Id) -> Option<&'a str> {
        match self.pickle.values[id as usize] {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The name of the function of PyTorch's that would make a tensor which is none of a storage's values.
    fn maker(&self, value: Id) -> Option<&'a str> {
        let Value::Object(place) = self.pickle.values[value as usize] else { return None };
        let (module, name) = self.pickle.names[self.pickle.objects[place].class?];
        (module == "torch._utils" && name.starts_with("_rebuild")).then_some(name)
    }

    /// Whether the attributes of an object are those of a module of PyTorch's.
    fn is_module(&self, state: Id) -> bool {
        let Value::Dict(items) = &self.pickle.values[state as usize] else { return false };
        let has = |wanted: &str| items.iter().any(|(key, _)| self.text(*key) == Some(wanted));
        has("_parameters") && has("_modules")
    }
}

/// The keys on a way, joined by points.
fn place(ways: &[Way<'_>], way: Option<usize>) -> String {
    let mut keys = Vec::new();
    let mut next = way;
    while let Some(way) = next.map(|index| &ways[index]) {
        keys.push(match way.key {
            Key::Text(text) => shown(text),
            Key::Index(index) => index.to_string(),
        });
        next = way.before.filter(|_| keys.len() < MAX_NAME as usize);
    }
    keys.reverse();
    keys.join(".")
}

/// The classes of the objects that were passed over, each once, and other names that the pickle has.
fn classes(pickle: &Pickle<'_>) -> Vec<String> {
    let of_objects = pickle.objects.iter().map(|object| object.class);
    let of_values = pickle.values.iter().filter_map(|value| match value {
        Value::Global(Global::Unknown(name)) => Some(Some(*name)),
        _ => None,
    });
    let mut seen = BTreeSet::new();
    let names = of_objects.chain(of_values).map(|class| class.map(|class| pickle.names[class]));
    names
        .filter(|class| seen.insert(*class))
        .take(MAX_CLASSES)
        .map(|class| {
            class.map_or_else(|| called(pickle, None), |(module, name)| shown(&format!("{module}.{name}")))
        })
        .collect()
}

fn called(pickle: &Pickle<'_>, class: Option<usize>) -> String {
    match class.map(|class| pickle.names[class]) {
        Some((module, name)) => shown(&format!("{module}.{name}")),
        None => "what a call returns".to_owned(),
    }
}
