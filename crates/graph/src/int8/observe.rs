//! What a net in f32 tells of itself on photos: the range of what leaves each block, and means, of each convolution's sums
//! and of what they become.
//!
//! Sums are taken photo by photo in f64 and added in the order of the photos, so that the number of threads changes no
//! bit. The f32 values themselves differ by their last digits between instruction sets, and so does what is seen here.

use std::collections::BTreeMap;
use std::sync::Arc;

use icecap_kernels::{Isa, Threads};

use super::source::Source;
use crate::{
    error::Error, input::Input, net::Net, reference::ReferencePlan, spec::BLOCKS, spec::Spec, tap::Tap,
    topology::ConvLayer,
};

/// What photos showed of a net in f32.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    spec: Spec,
    /// Of each block: the smallest and the largest value that left it.
    ranges: Vec<[f64; 2]>,
    /// By the Keras name of a layer: the mean of each channel that leaves it.
    means: BTreeMap<String, Vec<f64>>,
}

impl Observed {
    /// Runs the net over photos of this size, one a thread. There is at least one.
    ///
    /// # Errors
    /// [`Error::NoPhotos`] without one, [`Error::InputSize`] and [`Error::InputLength`] for photos that the net cannot
    /// read, [`Error::NotFinite`] where what it computes of them is no number.
    pub(crate) fn of(
        net: &Arc<Net>,
        isa: Isa,
        size: [usize; 2],
        photos: &[Input<'_>],
        threads: &Threads,
    ) -> Result<Self, Error> {
        let plan = ReferencePlan::new(net, isa, size)?;
        let mut all = threads.map(photos, |&photo| Self::of_one(net.spec(), &plan, photo)).into_iter();
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

    fn of_one(spec: &Spec, plan: &ReferencePlan, photo: Input<'_>) -> Result<Self, Error> {
        let mut ranges = BTreeMap::new();
        let mut means = BTreeMap::new();
        let mut strange = None;
        plan.visit(photo, &mut |name, shape, image| {
            let mut values = vec![0.0; shape.elements()];
            image.write_hwc(&mut values);
            if strange.is_none() && values.iter().any(|value| !value.is_finite()) {
                strange = Some(name.to_owned());
            }
            let ends = |[low, high]: [f32; 2], &value: &f32| [low.min(value), high.max(value)];
            ranges.insert(name.to_owned(), values.iter().fold([0.0; 2], ends));
            means.insert(name.to_owned(), mean(&values, image.layout().channels()));
        })?;
        if let Some(layer) = strange {
            return Err(Error::NotFinite { layer });
        }
        let range = |block| ranges[&Tap::Block(block).layer(spec)].map(f64::from);
        Ok(Self { spec: spec.clone(), ranges: (0..BLOCKS).map(range).collect(), means })
    }

    /// Returns the range of what leaves each block, wider by this share of its width on each side.
    pub(crate) fn widened(&self, share: f64) -> Vec<[f64; 2]> {
        let widened = |&[low, high]: &[f64; 2]| [low - share * (high - low), high + share * (high - low)];
        self.ranges.iter().map(widened).collect()
    }

    /// Returns the mean of each channel of a convolution's sums.
    pub(crate) fn sums(&self, layer: ConvLayer) -> &[f64] {
        &self.means[&layer.norm()]
    }

    /// Returns the mean of each channel behind the ReLU6 of a convolution; `None` of one that has none.
    pub(crate) fn clamped(&self, layer: ConvLayer) -> Option<&[f64]> {
        layer.activation().map(|name| self.means[&name].as_slice())
    }

    /// Returns the mean of each channel that enters a convolution; `None` for the pixels.
    pub(crate) fn means_before(&self, layer: ConvLayer) -> Option<&[f64]> {
        match Source::of(layer) {
            Source::Pixels => None,
            Source::Relu6(before) => self.clamped(before),
            Source::Block(block) => Some(&self.means[&Tap::Block(block).layer(&self.spec)]),
        }
    }
}

/// The mean of each channel of an image [H, W, C].
fn mean(values: &[f32], channels: usize) -> Vec<f64> {
    let mut sums = vec![0.0f64; channels];
    for pixel in values.chunks_exact(channels) {
        sums.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    let pixels = (values.len() / channels) as f64;
    sums.iter_mut().for_each(|sum| *sum /= pixels);
    sums
}
