//! What a net in f32 tells of itself on photos: the range of what leaves each block, and means, of each convolution's sums
//! and of what they become.
//!
//! Sums are taken photo by photo in f64 and added in the order of the photos, so that the number of threads changes no
//! bit. The f32 values themselves differ by their last digits between instruction sets, and so does what is seen here.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use icecap_kernels::{BLOCK, Blocked, Isa, Threads};

use super::source::Source;
use crate::{
    error::Error, input::Input, net::Net, reference::ReferencePlan, spec::BLOCKS, spec::Spec, tap::Tap,
    topology::ConvLayer,
};

/// Who runs photos through nets, and who hears of it.
#[derive(Clone, Copy)]
pub(crate) struct Team<'a> {
    pub(crate) isa: Isa,
    pub(crate) threads: &'a Threads,
    /// Hears how much of a step is done, in the step's own measure, and can stop the work.
    pub(crate) progress: &'a (dyn Fn(usize) -> ControlFlow<()> + Sync),
}

/// What photos showed of a net in f32.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    spec: Spec,
    /// Of each block: the smallest and the largest value that left it.
    pub(crate) ranges: Vec<[f64; 2]>,
    /// By the Keras name of a layer: the mean of each channel that leaves it.
    means: BTreeMap<String, Vec<f64>>,
}

impl Observed {
    /// Runs the net over photos of this size, one a thread. There is at least one. `team.progress` hears how many were begun.
    ///
    /// # Errors
    /// [`Error::NoPhotos`] without one, [`Error::InputSize`] and [`Error::InputLength`] for photos that the net cannot
    /// read, [`Error::NotFinite`] where what it computes of them is no number, [`Error::Stopped`] if the progress breaks.
    pub(crate) fn of(
        net: &Arc<Net>,
        size: [usize; 2],
        photos: &[Input<'_>],
        team: Team<'_>,
    ) -> Result<Self, Error> {
        let Team { isa, threads, progress } = team;
        let walk = Walk { plan: ReferencePlan::new(net, isa, size)?, blocks: Walk::blocks(net.spec()) };
        let done = AtomicUsize::new(0);
        let one = |&photo| {
            if progress(done.fetch_add(1, Ordering::Relaxed)).is_break() {
                return Err(Error::Stopped);
            }
            walk.photo(net.spec(), photo)
        };
        let mut all = threads.map(photos, one).into_iter();
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

/// What runs over every photo.
struct Walk {
    plan: ReferencePlan,
    /// The index of the block that a layer of this name ends.
    blocks: BTreeMap<String, usize>,
}

impl Walk {
    fn blocks(spec: &Spec) -> BTreeMap<String, usize> {
        (0..BLOCKS).map(|block| (Tap::Block(block).layer(spec), block)).collect()
    }

    fn photo(&self, spec: &Spec, photo: Input<'_>) -> Result<Observed, Error> {
        let mut ranges = vec![[0.0; 2]; BLOCKS];
        let mut means = BTreeMap::new();
        let mut strange = None;
        self.plan.visit(photo, &mut |name, _, image| {
            let mean = mean(image);
            // f64 holds the sum of any f32 values, and one that is no number makes the mean none.
            if strange.is_none() && mean.iter().any(|mean| !mean.is_finite()) {
                strange = Some(name.to_owned());
            }
            if let Some(&block) = self.blocks.get(name) {
                ranges[block] = range(image).map(f64::from);
            }
            means.insert(name.to_owned(), mean);
        })?;
        match strange {
            Some(layer) => Err(Error::NotFinite { layer }),
            None => Ok(Observed { spec: spec.clone(), ranges, means }),
        }
    }
}

/// Calls `visit` with the pixels of each row of each block of channels, one after the other.
fn each_row(image: Blocked<'_>, mut visit: impl FnMut(usize, &[[f32; BLOCK]])) {
    let layout = image.layout();
    for block in 0..layout.blocks() {
        for y in 0..layout.height() {
            let at = layout.origin() + block * layout.block_len() + y * layout.row_len();
            visit(block, image.data()[at..][..layout.width() * BLOCK].as_chunks().0);
        }
    }
}

/// The mean of each channel of an image.
fn mean(image: Blocked<'_>) -> Vec<f64> {
    let layout = image.layout();
    let mut sums = vec![[0.0f64; BLOCK]; layout.blocks()];
    each_row(image, |block, pixels| {
        let mut own = sums[block];
        for pixel in pixels {
            own.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        sums[block] = own;
    });
    let pixels = layout.pixels() as f64;
    sums.as_flattened()[..layout.channels()].iter().map(|sum| sum / pixels).collect()
}

/// The smallest and the largest value of an image, and 0 between them.
fn range(image: Blocked<'_>) -> [f32; 2] {
    let [mut low, mut high] = [[0.0f32; BLOCK]; 2];
    // Places behind the last channel hold zeros.
    each_row(image, |_, pixels| {
        for pixel in pixels {
            low.iter_mut().zip(pixel).for_each(|(low, &value)| *low = low.min(value));
            high.iter_mut().zip(pixel).for_each(|(high, &value)| *high = high.max(value));
        }
    });
    [low.into_iter().fold(0.0, f32::min), high.into_iter().fold(0.0, f32::max)]
}
