//! Which datasets are tensors, and what they are called.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::bytes::File;
use super::group::{Links, Target, links};
use super::header::Object;
use super::text::{Heap, attribute, texts};
use super::{MAX_DEPTH, dataset, find, header, superblock};
use crate::Error;
use crate::container::{
    Container, ContainerKind, Entry, MAX_FILE, MAX_TENSORS, MODEL_CONFIG, check_name, limit,
};
use crate::shown::shown;

/// The group that a whole model has its weights in.
const MODEL: &str = "model_weights";
/// The group of weights that are no layer's; `layer_names` does not list it.
const TOP_LEVEL: &str = "top_level_model_weights";
/// Attributes of the root that say what model it is.
const TEXTS: [&str; 2] = ["keras_version", MODEL_CONFIG];

/// Checks a whole HDF5 file held in memory and lists its tensors. Errors call it `path`.
///
/// Where Keras left lists, `layer_names` and each layer's `weight_names`, they are followed, and a tensor is called
/// `layer/weight`, as `Conv1/Conv1/kernel:0`. Else (`.weights.h5` of Keras 3) every dataset outside the optimizer is
/// called by its path, as `layers/conv2d/vars/0`; what Keras calls a layer stands in [`Container::metadata`] under the
/// path of the group, `layers/conv2d/vars`, and its description of a whole model under `model_config`.
///
/// # Errors
/// [`Error::Limit`] for more bytes, tensors or steps than are read; [`Error::Container`] for a damaged file;
/// [`Error::Feature`] for parts of HDF5 that are not read; [`Error::Tensor`] for a tensor that the file describes
/// wrongly; [`Error::Metadata`] for a layer's name that cannot be one.
pub fn parse<'a>(bytes: &'a [u8], path: &Path) -> Result<Container<'a>, Error> {
    limit(path, "bytes", bytes.len() as u64, MAX_FILE)?;
    parse_from(bytes, path, 0)
}

/// Checks a file that starts at byte `start` of `bytes`. Errors and offsets count from the start of `bytes`.
pub(in crate::container) fn parse_from<'a>(
    bytes: &'a [u8],
    path: &Path,
    start: usize,
) -> Result<Container<'a>, Error> {
    let Some(base) = bytes.get(start..).and_then(find) else {
        return Err(File::new(bytes, path, 0).damaged(start, "no superblock starts"));
    };
    let mut file = File::new(bytes, path, start + base);
    let root = superblock::read(&mut file)?;
    let mut reader = Reader::new(&file);
    reader.read(root)?;
    let Reader { metadata, entries, .. } = reader;
    Ok(Container::new(path, ContainerKind::Hdf5, metadata, entries))
}

struct Reader<'f, 'a> {
    file: &'f File<'a>,
    heap: Heap<'a>,
    /// The links of the groups that were looked into, by address.
    groups: BTreeMap<u64, Links<'a>>,
    /// Objects that the walk has been at.
    seen: BTreeSet<u64>,
    /// Where values are: start and end.
    taken: BTreeMap<usize, usize>,
    metadata: BTreeMap<String, String>,
    entries: BTreeMap<String, Entry<'a>>,
}

impl<'f, 'a> Reader<'f, 'a> {
    fn new(file: &'f File<'a>) -> Self {
        let (groups, seen, taken) = Default::default();
        let (metadata, entries) = Default::default();
        Self { file, heap: Heap::default(), groups, seen, taken, metadata, entries }
    }

    fn read(&mut self, root: u64) -> Result<(), Error> {
        let object = header::read(self.file, root)?;
        for name in TEXTS {
            if let Some(text) = self.text(&object, name)? {
                self.metadata.insert(name.to_owned(), text.to_owned());
            }
        }
        if let Some(layers) = self.list(&object, "layer_names")? {
            return self.layers(root, &layers);
        }
        if let Some(group) = self.find(root, MODEL)? {
            let object = header::read(self.file, group)?;
            return match self.list(&object, "layer_names")? {
                Some(layers) => self.layers(group, &layers),
                None => {
                    Err(self.file.damaged(object.at, format!("'{MODEL}' has no attribute 'layer_names'")))
                }
            };
        }
        self.walk(root, "", 0)
    }

    /// An attribute that is one text.
    fn text(&self, object: &Object<'a>, name: &str) -> Result<Option<&'a str>, Error> {
        let Some(attribute) = attribute(self.file, object, name)? else { return Ok(None) };
        let texts = texts(self.file, &self.heap, &attribute)?.unwrap_or_default();
        Ok(if let [text] = texts[..] { Some(text) } else { None })
    }

    /// An attribute that is a list of texts. Where it is too long for one, Keras writes `name0`, `name1` and so on.
    fn list(&self, object: &Object<'a>, name: &str) -> Result<Option<Vec<&'a str>>, Error> {
        let part = |name: &str| {
            let Some(attribute) = attribute(self.file, object, name)? else { return Ok(None) };
            match texts(self.file, &self.heap, &attribute)? {
                Some(texts) => Ok(Some(texts)),
                None => Err(self
                    .file
                    .damaged(attribute.data.at, format!("attribute '{name}' is no list of texts"))),
            }
        };
        if let Some(texts) = part(name)? {
            return Ok(Some(texts));
        }
        let mut all = None;
        for index in 0.. {
            match part(&format!("{name}{index}"))? {
                Some(texts) => all.get_or_insert_with(Vec::new).extend(texts),
                None => break,
            }
        }
        Ok(all)
    }

    /// The layers of a group and their weights, as the lists have them.
    fn layers(&mut self, group: u64, layers: &[&str]) -> Result<(), Error> {
        for layer in layers {
            let address = self.follow(group, layer)?;
            let object = header::read(self.file, address)?;
            let Some(weights) = self.list(&object, "weight_names")? else {
                let reason = format!("layer '{}' has no attribute 'weight_names'", shown(layer));
                return Err(self.file.damaged(object.at, reason));
            };
            self.weights(address, layer, &weights)?;
        }
        if let Some(address) = self.find(group, TOP_LEVEL)?.filter(|_| !layers.contains(&TOP_LEVEL)) {
            let object = header::read(self.file, address)?;
            let weights = self.list(&object, "weight_names")?.unwrap_or_default();
            self.weights(address, TOP_LEVEL, &weights)?;
        }
        Ok(())
    }

    fn weights(&mut self, address: u64, layer: &str, weights: &[&str]) -> Result<(), Error> {
        for weight in weights {
            let dataset = self.follow(address, weight)?;
            let object = header::read(self.file, dataset)?;
            self.tensor(&object, format!("{layer}/{weight}"))?;
        }
        Ok(())
    }

    /// Adds a dataset under its name, which no other has, with values that no other has.
    fn tensor(&mut self, object: &Object<'a>, name: String) -> Result<(), Error> {
        let mut dataset = dataset::read(self.file, object, &name)?;
        // Keras writes bfloat16 so.
        if dataset.is_opaque_pairs() && self.text(object, "dtype")? == Some("bfloat16") {
            dataset = dataset.of_bfloat16();
        }
        let (start, end) = (dataset.data.at, dataset.data.at + dataset.data.bytes.len());
        let refuse = |reason: &str| Error::Tensor {
            path: self.file.path.clone(),
            tensor: shown(&name),
            offset: start as u64,
            reason: reason.to_owned(),
        };
        if self.entries.contains_key(&name) {
            return Err(refuse("the name stands twice"));
        }
        // Or a small file could have many large tensors.
        if start < end {
            if self.taken.range(..end).next_back().is_some_and(|(_, other)| *other > start) {
                return Err(refuse("its values are another tensor's too"));
            }
            self.taken.insert(start, end);
        }
        limit(&self.file.path, "tensors", self.entries.len() as u64 + 1, MAX_TENSORS)?;
        self.entries.insert(name, dataset.entry());
        Ok(())
    }

    /// All datasets below an object, by their paths.
    fn walk(&mut self, address: u64, path: &str, depth: usize) -> Result<(), Error> {
        limit(&self.file.path, "groups inside each other", depth as u64, MAX_DEPTH as u64)?;
        let object = header::read(self.file, address)?;
        if !self.seen.insert(address) {
            let reason = format!("'{}' is linked to twice or is inside itself", shown(path));
            return Err(self.file.damaged(object.at, reason));
        }
        if dataset::is(&object) {
            return self.tensor(&object, path.to_owned());
        }
        if depth > 0 {
            check_name(path)
                .map_err(|reason| self.file.damaged(object.at, format!("'{}': {reason}", shown(path))))?;
        }
        if path == "vars" || path.ends_with("/vars") {
            self.layer_name(&object, path)?;
        }
        let links = self.links(address)?.clone();
        for (name, target) in links {
            // What a step of training would go on from, which can be larger than the net.
            if depth == 0 && name.starts_with("optimizer") {
                continue;
            }
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            let address = self.object(target, &path)?;
            self.walk(address, &path, depth + 1)?;
        }
        Ok(())
    }

    /// Notes what Keras calls the layer that a group belongs to.
    fn layer_name(&mut self, object: &Object<'a>, path: &str) -> Result<(), Error> {
        if let Some(name) = self.text(object, "name")? {
            check_name(name).map_err(|reason| Error::Metadata {
                path: self.file.path.clone(),
                key: shown(path),
                value: shown(name),
                reason,
            })?;
            self.metadata.insert(path.to_owned(), name.to_owned());
        }
        Ok(())
    }

    /// The links of a group; empty for an object that is no group.
    fn links(&mut self, address: u64) -> Result<&Links<'a>, Error> {
        if !self.groups.contains_key(&address) {
            let object = header::read(self.file, address)?;
            self.groups.insert(address, links(self.file, &object)?.unwrap_or_default());
        }
        Ok(&self.groups[&address])
    }

    fn object(&self, target: Target, path: &str) -> Result<u64, Error> {
        match target {
            Target::Object(address) => Ok(address),
            Target::Soft(at) => Err(self.file.unread(at, format!("'{}', a link to a path", shown(path)))),
        }
    }

    /// The address of the object `name` in a group; `None` if the group has none of that name.
    fn find(&mut self, group: u64, name: &str) -> Result<Option<u64>, Error> {
        self.file.step()?;
        let target = self.links(group)?.get(name).copied();
        target.map(|target| self.object(target, name)).transpose()
    }

    /// The object at a path from a group.
    fn follow(&mut self, group: u64, path: &str) -> Result<u64, Error> {
        let place = self.file.place(group);
        check_name(path)
            .map_err(|reason| self.file.damaged(place, format!("'{}': {reason}", shown(path))))?;
        let mut address = group;
        for name in path.split('/') {
            address = self.find(address, name)?.ok_or_else(|| {
                let reason = format!("'{}' is listed, and nothing of that name is in its group", shown(path));
                self.file.damaged(self.file.place(address), reason)
            })?;
        }
        Ok(address)
    }
}
