//! Where the photos of a training came from, and what was asked for: what its run says of its arguments.

use std::path::Path;

use icecap::advanced::data::dataset_roots;
use icecap::{Dataset, Error};
use icecap_report::kept;
use icecap_report::run::arguments::{Arguments, PhotoArguments, RunArguments};
use icecap_report::run::photo_names::PhotoNames;

use crate::done::Done;
use crate::train_options::{Asked, Listed};
use crate::weights_source::STARTER;

/// What a training was asked for.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) asked: &'a Asked,
    pub(crate) photos: From<'a>,
}

/// Where the photos were.
#[derive(Clone, Copy)]
pub(crate) enum From<'a> {
    /// In a folder, an archive or a list.
    Listed(&'a Listed),
    /// In memory.
    Memory,
    /// Nowhere: features were at hand alone.
    Features,
}

impl Origin<'_> {
    /// Returns the names of the photos of `dataset`.
    pub(crate) fn names(&self, dataset: &Dataset) -> PhotoNames {
        match self.photos {
            From::Listed(listed) => {
                let mut roots = dataset_roots(&listed.folder, listed.val.as_deref());
                roots.extend(listed.root.clone());
                PhotoNames::of(dataset, &roots)
            }
            // They have names and no paths.
            From::Memory | From::Features => PhotoNames::of(dataset, &[""]),
        }
    }

    /// Returns what `args.toml` says, but for the command and the folder of the run.
    pub(crate) fn arguments(&self, done: &Done) -> Result<Arguments, Error> {
        let Self { asked, photos } = *self;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let listed = if let From::Listed(listed) = photos { Some(listed) } else { None };
        let named = |path: fn(&Listed) -> Option<&Path>| listed.and_then(path).map(text);
        let weights = match (photos, &asked.weights) {
            (From::Features, _) => None,
            (_, Some(weights)) => Some(text(weights)),
            (_, None) => Some(STARTER.to_owned()),
        };
        let photos = PhotoArguments {
            folder: named(|listed| Some(&listed.folder)),
            val: named(|listed| listed.val.as_deref()),
            root: named(|listed| listed.root.as_deref()),
            extension: listed.and_then(|listed| listed.extension.clone()),
            exclude: named(|listed| listed.exclude.as_deref()),
            class_order: named(|listed| listed.classes.as_deref()),
            weights,
            ema: asked.input.ema,
            ..kept::arguments::photos(&done.backbone, &done.preprocessing)
        };
        let run = RunArguments {
            val_split: asked.share,
            folds: asked.folds.map(|folds| folds as u32),
            group: listed.and_then(|listed| listed.group.clone()),
            augment: asked.changes()?.map(|augment| augment.to_string()),
            views: asked.changes()?.map_or(1, |_| asked.views),
            threshold: asked.wish()?.map(|wish| wish.to_string()),
            positive: asked.positive.clone(),
            strict: asked.strict,
            cache: asked.cache,
            ..kept::arguments::run(&done.backbone)
        };
        Ok(Arguments { photos, training: kept::arguments::training(&done.trained), typed: Vec::new(), run })
    }
}
