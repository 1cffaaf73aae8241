//! Which net of a file is meant, where a checkpoint holds several: under several keys, or under several roots.
//!
//! A training often keeps a second net beside the one that it trains, whose tensors are averages over its steps (EMA). It
//! is known by the keys before it (`state_dict_ema`, `model_ema`, `ema_model.`) or by the count of its averages, and taken
//! only if it is asked for, or is the only one. Of two others none is guessed.

use super::nets::{FoundNet, find};
use crate::container::{Container, MAX_TENSORS};
use crate::error::Error;
use crate::shown::shown;
use crate::{NOTE_OF_AVERAGES, OtherForm};

/// The count of averages that PyTorch's `AveragedModel` keeps beside its module.
const AVERAGED: &str = "n_averaged";
/// Words of keys before a net of averages.
const WORDS: [&str; 6] = ["swa", "avg", "average", "averaged", "averages", "shadow"];

/// The most dicts of dense layers that are told.
const MAX_TOLD: usize = 4;

/// A file with the dict of its net in hand.
pub(crate) struct Choice<'a> {
    pub(crate) file: Container<'a>,
    /// The net; `None` in a file of Keras' names, or of none that is known.
    pub(crate) net: Option<FoundNet>,
    /// The other nets in the same dict.
    pub(crate) beside: Vec<FoundNet>,
    /// Where averaged weights stand that were not taken.
    pub(crate) averaged: Option<String>,
    /// Whether those in hand are averages.
    pub(crate) is_averaged: bool,
    /// The dicts beside the net's that hold dense layers and no net.
    apart: Vec<String>,
}

impl Choice<'_> {
    /// Returns what the person who opens the file should know of the choice.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        match (&self.averaged, self.is_averaged) {
            (Some(place), _) => notes.push(format!("{NOTE_OF_AVERAGES}, under '{place}'")),
            (None, true) => {
                notes.push(format!("averaged weights (EMA) are taken, from '{}'", shown(&self.place())));
            }
            (None, false) => {}
        }
        notes
    }

    /// Returns what the person should know of a file whose net has no head: there may be one in a dict of its own.
    pub(crate) fn note_of_apart(&self) -> Option<String> {
        let head = self.apart.first()?;
        let (of_net, of_head) = (keyed("c", self.file.place()), keyed("c", head));
        Some(format!(
            "the net has no head, and dense layers stand apart from it, under {}: they are not read; join them in Python: \
             `import torch; c = {}` and `torch.save({{**{of_net}, **{{'head.' + k: v for k, v in {of_head}.items()}}}}, \
             'weights.pth')`",
            self.apart.iter().map(|place| format!("'{place}'")).collect::<Vec<_>>().join(", "),
            OtherForm::loading(self.file.path())
        ))
    }

    /// Returns the keys and the root behind which the net's names stand, joined by points; empty for none.
    pub(crate) fn place(&self) -> String {
        place(self.file.place(), self.net.as_ref().map_or("", FoundNet::model))
    }
}

/// The keys of a dict and the beginning of the names in it.
fn place(dict: &str, model: &str) -> String {
    let model = model.trim_end_matches('.');
    match (dict, model) {
        ("", model) => model.to_owned(),
        (dict, "") => dict.to_owned(),
        (dict, model) => format!("{dict}.{model}"),
    }
}

/// A net and where it stands: `None` for the dict in hand, else the place among the others.
struct Candidate {
    dict: Option<usize>,
    net: FoundNet,
    averaged: bool,
    place: String,
}

/// Chooses the net of a file, the averaged one if `ema` is asked for.
///
/// # Errors
/// [`Error::NoAverages`] and [`Error::OtherForm`] of several nets; [`Error::Tensor`] for the dict of the net, where it is not the one
/// in hand.
pub(crate) fn choose(file: Container<'_>, ema: bool) -> Result<Choice<'_>, Error> {
    let mut candidates = candidates(&file);
    let places = |averaged: bool| {
        let of_kind = candidates.iter().filter(move |candidate| candidate.averaged == averaged);
        of_kind.map(|candidate| shown(&candidate.place)).collect::<Vec<String>>()
    };
    let (plain, averages) = (places(false), places(true));
    if ema && averages.is_empty() {
        return Err(Error::NoAverages { path: file.path().into() });
    }
    let is_averaged = !averages.is_empty() && (ema || plain.is_empty());
    let wanted = if is_averaged { &averages } else { &plain };
    if wanted.len() > 1 {
        let way = candidates.iter().find(|candidate| candidate.averaged == is_averaged);
        let way = way.map_or_else(String::new, |candidate| way_of(&file, candidate));
        let form = OtherForm::SeveralNets { places: wanted.clone(), way };
        return Err(Error::OtherForm { path: file.path().into(), form });
    }
    let averaged = averages.first().filter(|_| !is_averaged).cloned();
    let Some(index) = candidates.iter().position(|candidate| candidate.averaged == is_averaged) else {
        // What there is of a net says best what is missing.
        let net = find(file.names()).into_iter().next().filter(FoundNet::is_some_of_it);
        let (beside, apart) = (Vec::new(), Vec::new());
        return Ok(Choice { file, net, beside, averaged: None, is_averaged: false, apart });
    };
    let apart = apart(&file, &candidates);
    let chosen = candidates.swap_remove(index);
    let beside = candidates.into_iter().filter(|candidate| candidate.dict == chosen.dict);
    let beside = beside.map(|candidate| candidate.net).collect();
    let file = match chosen.dict {
        Some(index) => file.take(index)?,
        None => file,
    };
    Ok(Choice { file, net: Some(chosen.net), beside, averaged, is_averaged, apart })
}

/// The dicts without a net that hold dense layers.
fn apart(file: &Container<'_>, candidates: &[Candidate]) -> Vec<String> {
    let has_net = |index: usize| candidates.iter().any(|candidate| candidate.dict == Some(index));
    let is_dense = |name: &str, rank: usize| rank == 2 && name.rsplit('.').next() == Some("weight");
    let others = file.others().iter().enumerate().filter(|(index, _)| !has_net(*index));
    let dense = others.filter(|(_, dict)| {
        dict.entries.as_ref().is_ok_and(|all| all.iter().any(|(name, one)| is_dense(name, one.shape.rank())))
    });
    dense.map(|(_, dict)| dict.place.clone()).take(MAX_TOLD).collect()
}

/// The expression that takes a value out of dicts in each other.
fn keyed(state: &str, place: &str) -> String {
    let keys = place.split('.').filter(|key| !key.is_empty());
    keys.fold(state.to_owned(), |state, key| match key.parse::<u32>() {
        // Of a list or a tuple.
        Ok(index) => format!("{state}[{index}]"),
        Err(_) => format!("{state}['{}']", shown(key)),
    })
}

/// The lines of Python that save one of several nets alone.
fn way_of(file: &Container<'_>, candidate: &Candidate) -> String {
    let dict = candidate.dict.map_or(file.place(), |index| &file.others()[index].place);
    let mut state = keyed(&OtherForm::loading(file.path()), dict);
    if !candidate.net.model().is_empty() {
        let prefix = shown(candidate.net.model());
        state = format!("{{k: v for k, v in {state}.items() if k.startswith('{prefix}')}}");
    }
    OtherForm::saving(&state)
}

/// The nets of all dicts, each of which has most of its tensors.
fn candidates(file: &Container<'_>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let mut add = |dict: Option<usize>, place: &str, names: &[&str]| {
        let counted = names.iter().any(|name| name.rsplit('.').next() == Some(AVERAGED));
        for net in find(names.iter().copied()).into_iter().filter(FoundNet::is_most_of_it) {
            let place = self::place(place, net.model());
            let averaged = counted || is_of_averages(&place);
            candidates.push(Candidate { dict, net, averaged, place });
        }
    };
    add(None, file.place(), &file.names().collect::<Vec<&str>>());
    // A file may have many dicts: as many names are looked at as those of four whole files.
    let mut names = 0;
    for (index, dict) in file.others().iter().enumerate() {
        names += dict.names.len() as u64;
        if names > 4 * MAX_TENSORS {
            break;
        }
        add(Some(index), &dict.place, &dict.names.iter().map(String::as_str).collect::<Vec<&str>>());
    }
    candidates
}

/// Whether one of the keys before a net says that it is one of averages.
fn is_of_averages(place: &str) -> bool {
    let words = place.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_ascii_lowercase);
    words.into_iter().any(|word| {
        WORDS.contains(&word.as_str()) || word.starts_with("ema") || word.ends_with("ema") && word != "schema"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_are_known_by_the_words_before_them() {
        for place in
            ["state_dict_ema", "model_ema.module", "ema_model", "ema", "modelEma", "swa_model", "EMA"]
        {
            assert!(is_of_averages(place), "{place}");
        }
        for place in ["", "state_dict", "model.module", "net", "schema", "semantic", "teacher"] {
            assert!(!is_of_averages(place), "{place}");
        }
    }
}
