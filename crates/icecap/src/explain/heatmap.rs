//! Class activation maps: which places of a photo spoke for a class, and which against it.
//!
//! With global average pooling and one dense layer behind it this is no estimate. The logit of class `c` is a sum over
//! the `h*w` positions of the last feature map `f`:
//!
//! ```text
//! logit_c = bias_c + sum_k kernel[k,c] * (1/(h*w)) sum_yx f[y,x,k]
//!         = bias_c + sum_yx map_c[y,x],     map_c[y,x] = (1/(h*w)) sum_k f[y,x,k] * kernel[k,c]
//! ```
//!
//! (Zhou, Khosla, Lapedriza, Oliva, Torralba: Learning Deep Features for Discriminative Localization, CVPR 2016, eq. 2;
//! theirs leaves the mean's divisor out.) So a cell is that place's share of the logit, in logits, and the cells of a
//! map sum to the logit but for its bias. Dropout is off, as in every prediction.
//!
//! Two classes share one logit, which speaks for the second: the first class's map is the same with its signs turned.
//! With more classes a map is what speaks for that class's own logit; a softmax compares logits, so a place that speaks
//! for two classes alike decides nothing between them.
//!
//! A head of several layers has no such sum, but its logit is linear in the pooled features `p` as long as no ReLU changes
//! its side. So the place's share is told with the gradient at this photo in the kernel's stead (Selvaraju et al.: Grad-CAM,
//! ICCV 2017, with a weight for each class, not cut off at 0):
//!
//! ```text
//! map_c[y,x] = (1/(h*w)) sum_k f[y,x,k] * d logit_c / d p[k],      bias_c = logit_c - sum_yx map_c[y,x]
//! ```
//!
//! Cells and bias again sum to the logit exactly. But a cell says what that place does beside all others: without them the
//! ReLUs might stand on another side.
//!
//! What it does badly: the map is as coarse as the features, 5x5 cells of a photo at 160x160, and a cell has looked at
//! far more of the photo than the part that it stands for. The logits are sums in f64 in another order than those of a
//! [`Predictor`](crate::Predictor), and differ from them in the last digits.

use std::ops::ControlFlow;

use icecap_data::Turn;
use icecap_graph::Tap;

use crate::error::Error;
use crate::explain::tangent::Tangent;
use crate::model::classifier::Classifier;
use crate::model::extractor::Extractor;
use crate::model::head::Head;
use crate::model::progress::Progress;
use crate::model::source::Source;

/// The most bytes of feature maps that are in memory at once, unless one photo has more.
const WINDOW_BYTES: usize = 8 << 20;

/// What the cells of a map are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapKind {
    /// Class activation: of a head of one dense layer, each place's share of the logit.
    ClassActivation,
    /// Gradient-weighted: of a head of several layers, each place's share of the logit with the ReLUs as they stand for this
    /// photo.
    GradientWeighted,
}

impl MapKind {
    /// Returns the kind of the maps of a head.
    #[must_use]
    pub fn of(head: &Head) -> Self {
        match head.layers().len() {
            1 => Self::ClassActivation,
            _ => Self::GradientWeighted,
        }
    }

    /// Returns the kind in a word or two.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ClassActivation => "class activation",
            Self::GradientWeighted => "gradient-weighted",
        }
    }
}

/// The class activation maps of one photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Heatmap {
    size: [usize; 2],
    classes: usize,
    kind: MapKind,
    bias: Vec<f32>,
    /// One map a logit, `[logits, h, w]`.
    maps: Vec<f32>,
}

impl Heatmap {
    /// The maps of features `[h, w, F]`, under a head with `kernel` [F, logits] and `bias` [logits].
    fn new(features: &[f32], size: [usize; 2], kernel: &[f32], bias: &[f32], classes: usize) -> Self {
        let (cells, logits) = (size[0] * size[1], bias.len());
        let mut maps = vec![0.0; cells * logits];
        let mut sums = vec![0.0_f64; logits];
        for (cell, feature) in features.chunks_exact(features.len() / cells).enumerate() {
            sums.fill(0.0);
            for (&value, row) in feature.iter().zip(kernel.chunks_exact(logits)) {
                for (sum, &weight) in sums.iter_mut().zip(row) {
                    *sum += f64::from(value) * f64::from(weight);
                }
            }
            for (logit, sum) in sums.iter().enumerate() {
                maps[logit * cells + cell] = (sum / cells as f64) as f32;
            }
        }
        let kind = MapKind::ClassActivation;
        Self { size, classes, kind, bias: bias.to_vec(), maps }
    }

    /// The maps of features `[h, w, F]` under a head of any number of layers.
    fn of_head(features: &[f32], size: [usize; 2], head: &Head) -> Self {
        if head.layers().len() == 1 {
            return Self::new(features, size, head.kernel().data(), head.bias().data(), head.classes());
        }
        let cells = size[0] * size[1];
        let mut pooled = vec![0.0_f64; features.len() / cells];
        for cell in features.chunks_exact(pooled.len()) {
            pooled.iter_mut().zip(cell).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        pooled.iter_mut().for_each(|sum| *sum /= cells as f64);
        let Tangent { kernel, bias } = Tangent::at(head, &pooled);
        let kind = MapKind::GradientWeighted;
        Self { kind, ..Self::new(features, size, &kernel, &bias, head.classes()) }
    }

    /// Returns what the cells of the maps are.
    #[must_use]
    pub fn kind(&self) -> MapKind {
        self.kind
    }

    /// Returns the rows and columns of each map.
    #[must_use]
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// Returns the map of a logit, `[h, w]` row by row: its cells sum to the logit less its bias.
    ///
    /// # Panics
    /// If the head has no such logit.
    #[must_use]
    pub fn of_logit(&self, logit: usize) -> &[f32] {
        let cells = self.size[0] * self.size[1];
        &self.maps[logit * cells..][..cells]
    }

    /// Returns the map of a class, `[h, w]` row by row: above 0 what speaks for it, below 0 what speaks against it. Of two
    /// classes, which share a logit, the first one's has the signs turned.
    ///
    /// # Panics
    /// If there is no such class.
    #[must_use]
    pub fn of_class(&self, class: usize) -> Vec<f32> {
        assert!(class < self.classes, "class {class} of {}", self.classes);
        match (self.bias.len(), class) {
            (1, 0) => self.of_logit(0).iter().map(|cell| -cell).collect(),
            (1, _) => self.of_logit(0).to_vec(),
            _ => self.of_logit(class).to_vec(),
        }
    }

    /// Returns the logits: each bias and the sum of its map. [`Classifier::decide`] tells the class.
    #[must_use]
    pub fn logits(&self) -> Vec<f32> {
        let sum = |logit| self.of_logit(logit).iter().map(|&cell| f64::from(cell)).sum::<f64>();
        self.bias.iter().enumerate().map(|(logit, &bias)| (f64::from(bias) + sum(logit)) as f32).collect()
    }

    /// Returns the value that is drawn in full color where maps of several classes of a photo are to be compared: the
    /// largest of all maps without its sign. It is no smaller than `1 / (h*w)`: where all places together could not move
    /// the logit by 1, the colors stay as weak as what they show.
    #[must_use]
    pub fn scale(&self) -> f32 {
        self.largest(&self.maps)
    }

    /// Returns the value that is drawn in full color in the map of one class alone: the largest of that map without its
    /// sign, and no smaller than `1 / (h*w)`.
    ///
    /// # Panics
    /// If there is no such class.
    #[must_use]
    pub fn scale_of(&self, class: usize) -> f32 {
        self.largest(&self.of_class(class))
    }

    fn largest(&self, cells: &[f32]) -> f32 {
        let least = 1.0 / (self.size[0] * self.size[1]) as f32;
        cells.iter().fold(least, |largest, cell| largest.max(cell.abs()))
    }
}

/// Makes class activation maps of photos in batches, with the same memory, on all threads of the classifier's backbone.
pub struct Heatmaps {
    classifier: Classifier,
    extractor: Extractor,
    rows: Vec<f32>,
    turn: Turn,
}

impl Heatmaps {
    /// Makes what draws heatmaps for `classifier`, whose preprocessing and backbone it uses.
    ///
    /// # Errors
    /// [`Error::Graph`] if the model's size does not fit its net.
    pub fn new(classifier: &Classifier) -> Result<Self, Error> {
        let extractor = Extractor::new(classifier.backbone(), classifier.preprocessing(), Tap::Features)?;
        let turn = Turn::default();
        Ok(Self {
            classifier: classifier.clone(),
            extractor: extractor.in_turn(&turn),
            rows: Vec::new(),
            turn,
        })
    }

    /// Makes this take turns at large photos with every other one that is given a clone of `turn`: they are decoded one at a
    /// time.
    #[must_use]
    pub fn in_turn(self, turn: &Turn) -> Self {
        Self { extractor: self.extractor.in_turn(turn), turn: turn.clone(), ..self }
    }

    pub(crate) fn turn(&self) -> &Turn {
        &self.turn
    }

    /// Lets go of what is kept for the next photo, where that is more than `most` bytes.
    pub fn keep_at_most(&mut self, most: usize) {
        self.extractor.keep_at_most(most);
    }

    /// Returns the classifier whose maps these are.
    #[must_use]
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// Computes the maps of each photo, or says why it cannot be read. `progress` is called by the threads after each
    /// photo and can stop the work.
    ///
    /// # Errors
    /// [`Error::Stopped`] if `progress` breaks.
    pub fn of(
        &mut self,
        photos: &[Source<'_>],
        progress: &(dyn Fn(Progress) -> ControlFlow<()> + Sync),
    ) -> Result<Vec<Result<Heatmap, icecap_data::Error>>, Error> {
        let len = self.extractor.row_len();
        let shape = self.extractor.row_shape();
        let size = [shape.dims()[0], shape.dims()[1]];
        let threads = self.classifier.backbone().threads().count();
        let window = (WINDOW_BYTES / (len * size_of::<f32>())).max(threads);
        let head = self.classifier.head();
        let mut maps = Vec::with_capacity(photos.len());
        for (number, photos_now) in photos.chunks(window).enumerate() {
            let before = number * window;
            self.rows.resize(photos_now.len() * len, 0.0);
            let outcomes = self.extractor.extract(photos_now, &mut self.rows, &|now| {
                progress(Progress { done: before + now.done, photos: photos.len() })
            })?;
            let rows = self.rows.chunks_exact(len);
            maps.extend(
                outcomes
                    .into_iter()
                    .zip(rows)
                    .map(|(outcome, features)| outcome.map(|_| Heatmap::of_head(features, size, head))),
            );
        }
        Ok(maps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two cells of three features, by hand.
    #[test]
    fn a_cell_is_its_share_of_the_logit() {
        let features = [1.0, 2.0, 0.0, 0.0, 4.0, 8.0];
        let two = Heatmap::new(&features, [1, 2], &[0.5, -1.0, 0.25], &[3.0], 2);
        assert_eq!(two.of_logit(0), [-0.75, -1.0]);
        assert_eq!((two.of_class(1), two.of_class(0)), (vec![-0.75, -1.0], vec![0.75, 1.0]));
        assert_eq!((two.logits(), two.scale()), (vec![1.25], 1.0));

        let kernel = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, -1.0];
        let three = Heatmap::new(&features, [1, 2], &kernel, &[0.0, 0.5, 0.0], 3);
        assert_eq!(three.of_class(0), [0.5, 0.0]);
        assert_eq!(three.of_class(1), [1.0, 2.0]);
        assert_eq!(three.of_class(2), [0.0, -4.0]);
        assert_eq!((three.logits(), three.scale()), (vec![0.5, 3.5, -4.0], 4.0));
        assert_eq!([0, 1, 2].map(|class| three.scale_of(class)), [0.5, 2.0, 4.0]);
    }

    #[test]
    fn what_says_nothing_is_not_blown_up() {
        assert_eq!(Heatmap::new(&[0.0; 8], [2, 2], &[1.0, 1.0], &[0.0], 2).scale(), 0.25);
    }
}
