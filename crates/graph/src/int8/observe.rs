//! What a net in f32 tells of itself on photos: the range of what leaves each block, and the mean of each convolution's
//! sums before its ReLU6.
//!
//! Sums are taken photo by photo in f64 and added in the order of the photos, so that the number of threads changes no
//! bit. The f32 values themselves differ by their last digits between instruction sets, and so does what is seen here.

use std::collections::BTreeMap;
use std::sync::Arc;

use icecap_kernels::{Blocked, Isa, Shape, Threads};

use crate::{
    error::Error, input::Input, net::Net, reference::ReferencePlan, spec::BLOCKS, tap::Tap,
    topology::ConvLayer,
};

/// What photos showed of a net in f32.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    /// Of each block: the smallest and the largest value that left it.
    ranges: Vec<[f64; 2]>,
    /// By the Keras name of a convolution's BatchNorm: the mean of each channel behind it.
    means: BTreeMap<String, Vec<f64>>,
}

impl Observed {
    /// Runs the net over photos of this size, one a thread. There is at least one.
    ///
    /// # Errors
    /// [`Error::InputSize`] and [`Error::InputLength`] for photos that the net cannot read, [`Error::NotFinite`] where what
    /// it computes of them is no number.
    pub(crate) fn of(
        net: &Arc<Net>,
        isa: Isa,
        size: [usize; 2],
        photos: &[Input<'_>],
        threads: &Threads,
    ) -> Result<Self, Error> {
        let plan = ReferencePlan::new(net, isa, size)?;
        let names = Names::of(net);
        let mut all = threads.map(photos, |&photo| names.observe(&plan, photo)).into_iter();
        let mut sum = all.next().unwrap_or(Err(Error::NoPhotos))?;
        for one in all {
            let one = one?;
            for (range, [low, high]) in sum.ranges.iter_mut().zip(one.ranges) {
                *range = [range[0].min(low), range[1].max(high)];
            }
            for (means, one) in sum.means.values_mut().zip(one.means.values()) {
                means.iter_mut().zip(one).for_each(|(mean, one)| *mean += one);
            }
        }
        let photos = photos.len() as f64;
        sum.means.values_mut().flatten().for_each(|mean| *mean /= photos);
        Ok(sum)
    }

    /// Returns the ranges, wider by this share of their width on each side.
    pub(crate) fn widened(&self, share: f64) -> Vec<[f64; 2]> {
        let widened = |&[low, high]: &[f64; 2]| {
            let (low, high) = (low.min(0.0), high.max(0.0));
            [low - share * (high - low), high + share * (high - low)]
        };
        self.ranges.iter().map(widened).collect()
    }

    /// Returns the mean of each channel's sums.
    pub(crate) fn means(&self, layer: ConvLayer) -> &[f64] {
        &self.means[&layer.norm()]
    }
}

/// Whose values are looked at, by Keras' names.
struct Names {
    norms: Vec<String>,
    blocks: BTreeMap<String, usize>,
}

impl Names {
    fn of(net: &Net) -> Self {
        Self {
            norms: ConvLayer::all().map(ConvLayer::norm).collect(),
            blocks: (0..BLOCKS).map(|block| (Tap::Block(block).layer(net.spec()), block)).collect(),
        }
    }

    /// Looks at one photo.
    fn observe(&self, plan: &ReferencePlan, photo: Input<'_>) -> Result<Observed, Error> {
        let mut observed = Observed { ranges: vec![[0.0; 2]; BLOCKS], means: BTreeMap::new() };
        let mut strange = None;
        plan.visit(photo, &mut |name, shape, image| {
            let block = self.blocks.get(name);
            let norm = self.norms.iter().any(|norm| norm == name);
            if strange.is_some() || block.is_none() && !norm {
                return;
            }
            let values = plain(shape, image);
            if values.iter().any(|value| !value.is_finite()) {
                strange = Some(name.to_owned());
                return;
            }
            if let Some(&block) = block {
                let ends =
                    values.iter().fold([0.0f32; 2], |[low, high], &value| [low.min(value), high.max(value)]);
                observed.ranges[block] = ends.map(f64::from);
            }
            if norm {
                observed.means.insert(name.to_owned(), means(&values, image.layout().channels()));
            }
        })?;
        match strange {
            Some(layer) => Err(Error::NotFinite { layer }),
            None => Ok(observed),
        }
    }
}

/// The values of an image as [H, W, C].
fn plain(shape: Shape, image: Blocked<'_>) -> Vec<f32> {
    let mut values = vec![0.0; shape.elements()];
    image.write_hwc(&mut values);
    values
}

/// The mean of each channel.
fn means(values: &[f32], channels: usize) -> Vec<f64> {
    let mut sums = vec![0.0f64; channels];
    for pixel in values.chunks_exact(channels) {
        sums.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    let pixels = (values.len() / channels) as f64;
    sums.iter_mut().for_each(|sum| *sum /= pixels);
    sums
}
