//! What a pickle asks to be made: calls of the few names that are known, read as the data that they would return. Other
//! calls are noted and not made.

use super::pickle::{MAX_OPERATIONS, Machine, Step, name};
use super::value::{Element, Global, Id, Object, Storage, Value, View};
use crate::shown::shown;

/// The most axes of a tensor, before a shape of ours refuses it by the tensor's name.
const MAX_AXES: usize = 8;

impl<'a> Machine<'a> {
    /// What a call would make. Of a name that is not known here it is noted what the call is given.
    pub(super) fn call(&mut self, operation: u8) -> Step<()> {
        let (callee, given) = self.called(operation)?;
        let Value::Tuple(arguments) = self.value(given) else {
            return Err(self.damaged("a pickle calls something without a tuple of arguments"));
        };
        let arguments = arguments.get(..arguments.len().min(MAX_AXES)).unwrap_or_default().to_vec();
        let global = match callee {
            Some(Value::Global(global)) => global,
            _ => return self.object(None, given),
        };
        match global {
            Global::Unknown(class) => self.object(Some(class), given)?,
            Global::OrderedDict => {
                let items = self.pairs(&arguments)?;
                self.push(Value::Dict(items));
            }
            Global::Size => match arguments.first().map(|id| self.value(*id)) {
                Some(Value::Tuple(_)) => self.stack.push(arguments[0]),
                None => self.push(Value::Tuple(Vec::new())),
                Some(_) => return Err(self.damaged("a size in a pickle is no tuple")),
            },
            Global::RebuildTensor if operation == b'R' => self.rebuild(&arguments, None)?,
            Global::RebuildTyped if operation == b'R' => match arguments.get(6).map(|id| self.value(*id)) {
                Some(&Value::Global(Global::Dtype(element))) => self.rebuild(&arguments, Some(element))?,
                _ => return Err(self.damaged("a tensor in a pickle has no element type")),
            },
            Global::RebuildOfClass if operation == b'R' => self.rebuild_of_class(&arguments)?,
            Global::RebuildParameter if operation == b'R' => {
                match arguments.first().map(|id| self.value(*id)) {
                    Some(Value::Tensor(_) | Value::Object(_) | Value::Ignored) => {
                        self.stack.push(arguments[0]);
                    }
                    _ => return Err(self.damaged("a parameter in a pickle is no tensor")),
                }
            }
            Global::Ignored => self.push(Value::Ignored),
            _ => return Err(self.refused(format!("pickle operation {} of a type", name(operation)))),
        }
        Ok(())
    }

    /// What is called, and the tuple that it is called with.
    fn called(&mut self, operation: u8) -> Step<(Option<Value<'a>>, Id)> {
        let items = match operation {
            b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                let (arguments, global) = (self.pop_mark()?, self.named(module, name)?);
                return Ok((Some(Value::Global(global)), self.kept(Value::Tuple(arguments))));
            }
            b'o' => self.pop_mark()?,
            _ => {
                // Named arguments are passed over.
                if operation == 0x92 {
                    self.pop()?;
                }
                let (given, callee) = (self.pop()?, self.pop()?);
                return Ok((self.global_of(callee), given));
            }
        };
        let Some((callee, arguments)) = items.split_first() else {
            return Err(self.damaged("a pickle calls something without naming it"));
        };
        Ok((self.global_of(*callee), self.kept(Value::Tuple(arguments.to_vec()))))
    }

    fn global_of(&self, id: Id) -> Option<Value<'a>> {
        match *self.value(id) {
            Value::Global(global) => Some(Value::Global(global)),
            _ => None,
        }
    }

    /// Notes an object that is not made.
    fn object(&mut self, class: Option<usize>, arguments: Id) -> Step<()> {
        let place = self.objects.len();
        self.objects.push(Object { class, arguments, items: Vec::new(), state: None });
        self.push(Value::Object(place));
        Ok(())
    }

    /// A tensor of a class of its own, by the call that makes a plain one of the same arguments.
    fn rebuild_of_class(&mut self, arguments: &[Id]) -> Step<()> {
        let plain = match arguments.first().map(|id| self.value(*id)) {
            Some(Value::Global(global)) => *global,
            _ => return Err(self.damaged("a tensor in a pickle is made by what is no name")),
        };
        let given = match arguments.get(2).map(|id| self.value(*id)) {
            Some(Value::Tuple(items)) => items.iter().take(MAX_AXES).copied().collect::<Vec<Id>>(),
            _ => return Err(self.damaged("a tensor in a pickle is made of no tuple")),
        };
        match plain {
            Global::RebuildTensor => self.rebuild(&given, None),
            _ => {
                self.push(Value::Ignored);
                Ok(())
            }
        }
    }

    /// The items of an `OrderedDict(…)`: none, or a list of pairs as Python 2 wrote them.
    fn pairs(&mut self, arguments: &[Id]) -> Step<Vec<(Id, Id)>> {
        let Some(list) = arguments.first() else { return Ok(Vec::new()) };
        let Value::List(list) = self.value(*list) else {
            return Err(self.damaged("an OrderedDict in a pickle is made of no list"));
        };
        let length = list.len();
        let pairs = list.iter().map(|pair| match self.value(*pair) {
            Value::List(pair) | Value::Tuple(pair) => pair.as_array().map(|[key, value]| (*key, *value)),
            _ => None,
        });
        // A list may be used many times over: its copies are charged for.
        let pairs =
            pairs.take(MAX_OPERATIONS.saturating_sub(self.spent) as usize).collect::<Option<Vec<_>>>();
        self.spend(length)?;
        pairs.ok_or_else(|| self.damaged("an OrderedDict in a pickle is made of no pairs"))
    }

    /// A tensor, of its storage's element type where none is given.
    fn rebuild(&mut self, arguments: &[Id], element: Option<Element>) -> Step<()> {
        let wrong = || self.damaged("a tensor in a pickle is not described as PyTorch does");
        let [storage, offset, sizes, strides, ..] = *arguments else { return Err(wrong()) };
        // Values that stand in the pickle itself, or that another library keeps.
        if matches!(self.value(storage), Value::Object(_) | Value::Ignored) {
            self.push(Value::Ignored);
            return Ok(());
        }
        let is_bit = |(key, _): &(Id, Id)| matches!(self.value(*key), Value::Text("neg" | "conj"));
        if arguments
            .iter()
            .skip(5)
            .any(|id| matches!(self.value(*id), Value::Dict(items) if items.iter().any(is_bit)))
        {
            return Err(self
                .refused("a tensor that is stored negated or conjugated; save what `resolve_neg()` gives,"));
        }
        let (&Value::Storage(storage), &Value::Int(offset)) = (self.value(storage), self.value(offset))
        else {
            return Err(wrong());
        };
        let numbers = |id: Id| match self.value(id) {
            Value::Tuple(items) if items.len() <= MAX_AXES => {
                let number = |id: &Id| match self.value(*id) {
                    Value::Int(value) => u64::try_from(*value).ok(),
                    _ => None,
                };
                items.iter().map(number).collect::<Option<Vec<u64>>>()
            }
            _ => None,
        };
        let view = (u64::try_from(offset).ok(), numbers(sizes), numbers(strides));
        let (Some(offset), Some(sizes), Some(strides)) = view else {
            let what = "a tensor's offset, sizes or strides are negative, too many or no numbers";
            return Err(self.damaged(what));
        };
        if sizes.len() != strides.len() {
            return Err(self.damaged("a tensor has more sizes than strides, or fewer"));
        }
        let place = self.views.len();
        let element = element.unwrap_or(self.storages[storage].element);
        self.views.push(View { storage, element, offset, sizes, strides });
        self.push(Value::Tensor(place));
        Ok(())
    }

    /// State that is given to an object: of a dict it is what Python keeps beside the items.
    pub(super) fn build(&mut self) -> Step<()> {
        let state = self.pop()?;
        match *self.value(self.top()?) {
            Value::Object(place) => self.objects[place].state = Some(state),
            Value::Dict(_) | Value::List(_) | Value::Tensor(_) | Value::Ignored => {}
            _ => return Err(self.refused("pickle operation BUILD of what is no object")),
        }
        Ok(())
    }

    /// What the file keeps beside the pickle: a storage, by `('storage', type, key, device, count)` and, in older files, a
    /// view that must be none; or a class with its source, by `('module', class, …)`. Anything else is passed over.
    pub(super) fn persistent(&mut self, operation: u8) -> Step<()> {
        if operation == b'P' {
            self.line()?;
            self.push(Value::Ignored);
            return Ok(());
        }
        let id = self.pop()?;
        let items = match self.value(id) {
            Value::Tuple(items) => &items[..],
            _ => &[],
        };
        match items.first().map(|id| self.value(*id)) {
            Some(Value::Text("storage")) => {}
            Some(Value::Text("module")) if items.len() > 1 => {
                self.stack.push(items[1]);
                return Ok(());
            }
            _ => {
                self.push(Value::Ignored);
                return Ok(());
            }
        }
        let items = items.to_vec();
        let storage = self.storage(&items)?;
        let Some(storage) = storage else {
            return Err(self.refused("pickle operation BINPERSID of what is no storage"));
        };
        let place = *self.places.entry(storage.key).or_insert(self.storages.len());
        match self.storages.get(place) {
            Some(known) if *known != storage => {
                return Err(
                    self.damaged(format!("storage '{}' is described in two ways", shown(storage.key)))
                );
            }
            Some(_) => {}
            None => self.storages.push(storage),
        }
        self.push(Value::Storage(place));
        Ok(())
    }
    /// The storage that these values describe; `None` where they do not.
    fn storage(&self, items: &[Id]) -> Step<Option<Storage<'a>>> {
        let parts: Vec<&Value<'a>> = items.iter().take(MAX_AXES).map(|id| self.value(*id)).collect();
        Ok(match *parts {
            [
                Value::Text("storage"),
                Value::Global(Global::Storage(element)),
                Value::Text(key),
                _,
                Value::Int(count),
            ]
            | [
                Value::Text("storage"),
                Value::Global(Global::Storage(element)),
                Value::Text(key),
                _,
                Value::Int(count),
                Value::None,
            ] => u64::try_from(*count).ok().map(|count| Storage { key, element: *element, count }),
            [
                Value::Text("storage"),
                Value::Global(Global::Storage(_)),
                Value::Text(_),
                _,
                Value::Int(_),
                _,
            ] => {
                return Err(self.refused("a storage that is a view of another"));
            }
            _ => None,
        })
    }
}
