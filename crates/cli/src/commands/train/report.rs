//! What a training tells while it runs: the photos, each epoch, what to do next.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use icecap::advanced::data::{Inventory, is_there};
use icecap::learn::{Decay, Epoch, Epochs, PhotoReport, Settled, Steps, TuneChoice, Verdict};
use icecap::model::{Precision, Preprocessing};
use icecap::{Backbone, Dataset, Event, Trained};

use super::class_table;
use super::epoch_table;
use super::heard::{self, Phase};
use super::leads::called;
use super::options::Options;
use super::since;
use super::threshold;
use super::tuning;
use super::twins;
use super::verdict;
use crate::photos::class_folder::parent_of_class;
use crate::photos::skipped;
use crate::run::files::{LABELS, MODEL, REPORT};
use crate::run::folder::RunFolder;
use crate::run::since::Comparison;
use crate::terminal::failure::Failure;
use crate::terminal::interrupt;
use crate::terminal::lock::lock;
use crate::terminal::progress::{Busy, Progress};
use crate::terminal::stderr::note;
use crate::terminal::wording::{counted, plain, plain_path, typed_path};

/// Why validation can look better than the running numbers, which makes everybody wonder once.
const WHY: &str = "\
The running numbers are means over the epoch, with dropout on and the head still learning; the others are taken at
its end, dropout off. So validation can look better than running: compare it with training.
";

/// What an epoch is where the head is solved in one go.
const SOLVED: &str = "\
Each epoch is one step of the solver on all training photos, without dropout; the loss that it lowers has the L2 penalty
in it.
";

/// Tells about a training on standard output, or, for JSON, only what belongs on standard error.
pub(super) struct Report<'a> {
    options: &'a Options,
    dataset: Mutex<Arc<Dataset>>,
    /// Whether the net was calibrated by photos of the training.
    is_calibrated: AtomicBool,
    /// The photos that can be read, where the net has to be calibrated again for them.
    readable: Mutex<Option<Dataset>>,
    progress: Mutex<Option<Progress>>,
    /// Epochs that there will be; 0 if nobody knows.
    epochs: AtomicU32,
    /// Epochs of the head that have gone by.
    head_epochs: AtomicU32,
    /// Whether the trials of a fine-tuning were told.
    chosen: AtomicBool,
    /// Choosing and judging by folds, while that goes on.
    busy: Mutex<Option<Busy>>,
    /// When the first of them began.
    began: OnceLock<Instant>,
    /// Why the training was stopped from here.
    failure: Mutex<Option<Failure>>,
}

impl<'a> Report<'a> {
    pub(super) fn new(options: &'a Options, dataset: &Dataset) -> Self {
        Self {
            options,
            dataset: Mutex::new(Arc::new(dataset.clone())),
            is_calibrated: AtomicBool::new(false),
            readable: Mutex::new(None),
            progress: Mutex::new(None),
            epochs: AtomicU32::new(0),
            head_epochs: AtomicU32::new(0),
            chosen: AtomicBool::new(false),
            busy: Mutex::new(None),
            began: OnceLock::new(),
            failure: Mutex::new(None),
        }
    }

    pub(super) fn say(&self, text: &str) -> Result<(), Failure> {
        self.options.say(text)
    }

    /// What is trained on, and what with.
    pub(super) fn header(
        &self,
        inventory: &Inventory,
        backbone: &Backbone,
        preprocessing: &Preprocessing,
    ) -> Result<(), Failure> {
        let record = backbone.record();
        let file = self.options.backbone.file();
        let file = file.as_deref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy());
        let weights = match (&file, &record.name) {
            (Some(file), _) => file.as_ref(),
            (None, Some(name)) => name,
            (None, None) => "starter",
        };
        let width = record.width.map_or("of its own".to_owned(), |width| format!("{width:?}"));
        let dataset = self.dataset();
        let photos = dataset.samples().count();
        self.say(&format!(
            "photos      {photos} of {} in {}\n{}\nvalidation  {}\nweights     {}, MobileNetV2 width {width}\n\
             input       {preprocessing}\nruns on     {}, {}{}\n",
            counted(dataset.classes.len(), "class"),
            self.options.source(),
            class_table::text(&dataset),
            self.validation(inventory),
            plain(weights),
            backbone.isa(),
            counted(backbone.threads().count(), "thread"),
            match self.options.backbone.runner.precision.unwrap_or(backbone.precision()) {
                Precision::F32 => "",
                Precision::Int8 => ", in int8",
            }
        ))?;
        class_table::warnings(&dataset, self.options.training.class_weight)
            .iter()
            .for_each(|text| note(text));
        Ok(())
    }

    /// The photos that are trained on, as far as is known.
    fn dataset(&self) -> Arc<Dataset> {
        Arc::clone(&lock(&self.dataset))
    }

    /// The photos are about to become features, of a net that may have been calibrated by them.
    pub(super) fn reading(&self, is_calibrated: bool) {
        self.is_calibrated.store(is_calibrated, Ordering::Relaxed);
        let photos = self.dataset().samples().count();
        *lock(&self.progress) = Some(Progress::new("features", photos));
    }

    /// Returns where the validation photos come from.
    fn validation(&self, inventory: &Inventory) -> String {
        match (&self.options.val, &inventory.val) {
            (Some(folder), _) => format!("the photos in {}", plain_path(folder)),
            (None, Some(_)) => "the folder's own part".to_owned(),
            (None, None) if self.dataset().val.is_empty() => "none held back, judged by folds".to_owned(),
            (None, None) => {
                let share = 100.0 * self.options.held_back();
                format!("{share:.0} % of each class, drawn by seed {}", self.options.training.seed)
            }
        }
    }

    /// Takes the signs of steps under way from the screen.
    pub(super) fn rest(&self) {
        drop(lock(&self.busy).take());
        drop(lock(&self.progress).take());
    }

    /// What goes on where there is nothing to count.
    fn between(&self) -> &'static str {
        match self.options.training.tuning.unfreeze {
            Some(_) => "choosing and judging",
            None => "trying folds",
        }
    }

    /// Tells of something that happens. Breaks if somebody pressed Ctrl-C or nothing can be told any more.
    pub(super) fn event(&self, event: Event<'_>) -> ControlFlow<()> {
        match event {
            Event::Pulse => {
                drop(lock(&self.progress).take());
                lock(&self.busy).get_or_insert_with(|| Busy::new(self.between())).tick();
            }
            _ => drop(lock(&self.busy).take()),
        }
        if let Event::Before(_) = event {
            self.began.get_or_init(Instant::now);
        }
        let told = match event {
            Event::Extracting(now) => {
                if let Some(progress) = &*lock(&self.progress) {
                    progress.set(now.done);
                }
                Ok(())
            }
            Event::Extracted(photos) => self.extracted(photos),
            Event::Readable(dataset) => match self.readable(dataset) {
                Ok(()) if self.is_calibrated.load(Ordering::Relaxed) => {
                    *lock(&self.readable) = Some(dataset.clone());
                    return ControlFlow::Break(());
                }
                told => told,
            },
            Event::Settled(settled) => self.settled(settled),
            Event::Before(metrics) if metrics.loss.is_nan() => {
                self.say(&format!("\n{}", epoch_table::header(self.rate_changes())))
            }
            Event::Before(metrics) => self.say(&format!(
                "before training: validation loss {:.4}, accuracy {:.4}\n\n{}",
                metrics.loss,
                metrics.accuracy,
                epoch_table::header(self.rate_changes())
            )),
            Event::Epoch(epoch) => {
                self.head_epochs.store(epoch.epoch, Ordering::Relaxed);
                self.epoch(epoch)
            }
            Event::Tuning { progress, .. } => {
                let mut bar = lock(&self.progress);
                bar.get_or_insert_with(|| Progress::new("fine-tuning", progress.photos)).set(progress.done);
                Ok(())
            }
            Event::TuningChosen(choice) => self.chosen(choice),
            Event::TunedEpoch(epoch) => self.tuned_epoch(epoch),
            _ => Ok(()),
        };
        match told {
            Ok(()) => interrupt::flow(),
            Err(failure) => {
                *lock(&self.failure) = Some(failure);
                ControlFlow::Break(())
            }
        }
    }

    /// Returns why the training was stopped from here, if it was.
    pub(super) fn failure(&self) -> Option<Failure> {
        lock(&self.progress).take();
        lock(&self.failure).take()
    }

    fn extracted(&self, photos: &PhotoReport) -> Result<(), Failure> {
        // Away with the bar before anything else is told.
        let seconds = lock(&self.progress).take().map_or(0.0, |progress| progress.seconds());
        // Of those that were left out before, that is told.
        let skipped = &photos.skipped[self.dataset().unreadable().len()..];
        skipped::photos(skipped);
        if self.is_calibrated.load(Ordering::Relaxed) && !skipped.is_empty() {
            // They are read once more by a net that the others have calibrated.
            return Ok(());
        }
        skipped::warnings(&photos.warnings);
        twins::tell(&photos.twins);
        let left_out = match photos.skipped.len() {
            0 => String::new(),
            skipped => format!(", {skipped} skipped"),
        };
        let from = match self.options.features.is_empty() {
            true => format!("{} of them from the cache", photos.cached),
            false => "as they were extracted".to_owned(),
        };
        self.say(&format!(
            "\nfeatures    of {} in {seconds:.2} s, {from}{left_out}\n",
            counted(photos.read, "photo")
        ))
    }

    /// These are the photos that can be read.
    fn readable(&self, dataset: &Dataset) -> Result<(), Failure> {
        let weight = self.options.training.class_weight;
        let known = class_table::warnings(&self.dataset(), weight);
        *lock(&self.dataset) = Arc::new(dataset.clone());
        if dataset.is_drawn() {
            self.say("The split is drawn from the photos that can be read:\n")?;
        }
        self.say(&format!("{}\n", class_table::text(dataset)))?;
        let now = class_table::warnings(dataset, weight);
        now.iter().filter(|text| !known.contains(text)).for_each(|text| note(text));
        Ok(())
    }

    /// Takes the photos that can be read, if the net has to be calibrated again for them.
    pub(super) fn take_readable(&self) -> Option<Dataset> {
        lock(&self.readable).take()
    }

    fn settled(&self, settled: &Settled) -> Result<(), Failure> {
        if let Some(Steps { epochs: Epochs::Fixed(epochs), early_stopping: None, .. }) =
            settled.options.steps()
        {
            self.epochs.store(*epochs, Ordering::Relaxed);
        }
        let text = verdict::settings(settled, self.dataset().train.len(), self.options.augment.count());
        let then = settled.options.tuning.as_ref().map_or_else(String::new, tuning::plan);
        self.say(&(text + &then))
    }

    /// Returns whether an epoch is worth a line: all of few, some of many.
    fn is_shown(&self, epoch: u32) -> bool {
        match self.epochs.load(Ordering::Relaxed) {
            0 => epoch <= 20 || epoch.is_multiple_of(10),
            all if all <= 50 => true,
            all => epoch == 1 || epoch == all || epoch.is_multiple_of(epoch_table::stride(all)),
        }
    }

    /// Returns whether the learning rate is worth a column.
    fn rate_changes(&self) -> bool {
        self.options.training.schedule != Decay::Constant || self.options.training.warmup > 0
    }

    fn epoch(&self, epoch: &Epoch) -> Result<(), Failure> {
        let all = Some(self.epochs.load(Ordering::Relaxed)).filter(|all| *all > 0);
        heard::epoch(epoch, Phase::Head, all, *self.began.get_or_init(Instant::now));
        if !self.is_shown(epoch.epoch) {
            return Ok(());
        }
        self.say(&epoch_table::line(epoch, self.rate_changes()))
    }

    /// It is chosen what of the net learns.
    fn chosen(&self, choice: &TuneChoice) -> Result<(), Failure> {
        drop(lock(&self.progress).take());
        // Told again if what was chosen then diverges; the trials are known by then.
        let known = self.chosen.swap(true, Ordering::Relaxed);
        self.say(&if known { tuning::verdict(choice) } else { tuning::choice(choice) })?;
        match choice.verdict {
            Verdict::Tuned { .. } => self.say(&format!("\n{}", epoch_table::header(true))),
            _ => Ok(()),
        }
    }

    /// An epoch of blocks and head, counted on from those of the head.
    fn tuned_epoch(&self, epoch: &Epoch) -> Result<(), Failure> {
        let number = self.head_epochs.load(Ordering::Relaxed) + epoch.epoch;
        let epoch = Epoch { epoch: number, ..*epoch };
        heard::epoch(&epoch, Phase::Tuning, None, *self.began.get_or_init(Instant::now));
        let line = epoch_table::line(&epoch, true);
        match &*lock(&self.progress) {
            Some(bar) => bar.paused(|| self.say(&line)),
            None => self.say(&line),
        }
    }

    /// What came out, where it lies, what to do with it.
    pub(super) fn footer(
        &self,
        inventory: &Inventory,
        trained: &Trained,
        folder: &RunFolder,
        since: Option<&Comparison>,
    ) -> Result<(), Failure> {
        let dataset = &trained.dataset;
        let why = match () {
            () if trained.settled.options.steps().is_none() => SOLVED,
            () if dataset.val.is_empty() => "",
            () => WHY,
        };
        let line = if why.is_empty() { "" } else { "\n" };
        let mut text = format!(
            "{line}{why}\n{}{}{}",
            verdict::text(trained),
            threshold::text(trained),
            tuning::compared(trained)
        );
        text.extend(since.map(since::text));
        if let Some(test) = trained.test {
            text += &format!(
                "test        loss {:.4}, accuracy {:.4} on {} that had no part in the training\n",
                test.loss,
                test.accuracy,
                counted(dataset.test.len(), "photo")
            );
        }
        let model = folder.file(MODEL);
        let size = std::fs::metadata(&model).map_or(0.0, |about| about.len() as f64 / 1e6);
        let needs =
            if self.options.head_only { "needs its weights beside it" } else { "needs nothing beside it" };
        text += &verdict::labels(trained, &folder.file(LABELS));
        text += &format!("model       {} ({size:.1} MB, {needs})\n", plain_path(&model));
        if !self.options.no_report {
            text += &format!("report      {}, opens in any browser\n", plain_path(&folder.file(REPORT)));
        }
        let weights = match (self.options.head_only, self.options.backbone.file()) {
            (true, Some(file)) => format!(" --weights {}", typed_path(&file)),
            _ => String::new(),
        };
        let model = typed_path(&model);
        // A photo or a folder of photos that the head has not learned from.
        let val = dataset.val.first().filter(|first| is_there(&first.path));
        let root = val.and_then(|first| parent_of_class(&first.path, &dataset.classes[first.class]));
        let (one, all) = match (&inventory.val, root) {
            (Some(_), Some(root)) => (typed_path(root), typed_path(root)),
            _ => {
                let other = || "OTHER_PHOTOS".to_owned();
                (val.map_or_else(other, |first| typed_path(&first.path)), other())
            }
        };
        let program = called(self.options);
        text += &format!(
            "next        {program} predict {model} {one}{weights}\n            {program} evaluate {model} {all}{weights}\n"
        );
        self.say(&text)
    }
}
