//! Every kernel there is, by name: what the tests walk and force, and the benches print.
//!
//! A name is `operation_type_tile_isa`; it is the row's symbol, its test case, its bench id and its log line.

use crate::{
    dense, depthwise, depthwise_gradient,
    error::Error,
    geometry::ConvGeometry,
    int8::{self, blocks::Segment as BlockSegment},
    isa::Isa,
    jpeg, pointwise, pointwise_gradient, pool, pool_gradient, resize,
    row::{Kernel, Row, pick, select},
    scale, stem,
    tiling::Segment,
};

/// All kernels compiled in, those that this processor cannot run among them.
#[must_use]
pub fn kernels() -> Vec<Kernel> {
    fn of<R: Row>(rows: &'static [R]) -> impl Iterator<Item = Kernel> {
        rows.iter().map(|row| *row.kernel())
    }
    let mut all = Vec::new();
    all.extend(of(pointwise::ROWS));
    all.extend(of(depthwise::ROWS));
    all.extend(of(scale::ROWS));
    all.extend(of(stem::ROWS));
    all.extend(of(pool::ROWS));
    all.extend(of(dense::ROWS));
    all.extend(of(resize::ROWS));
    all.extend(of(jpeg::INVERSE_ROWS));
    all.extend(of(jpeg::TRIANGLE_ROWS));
    all.extend(of(jpeg::COLOR_ROWS));
    all.extend(of(pointwise_gradient::ROWS));
    all.extend(of(depthwise_gradient::ROWS));
    all.extend(of(pool_gradient::ROWS));
    all.extend(of(int8::stem::ROWS));
    all.extend(of(int8::amx::expand::ROWS));
    all.extend(of(int8::expand::ROWS));
    all.extend(of(int8::depthwise::ROWS));
    all.extend(of(int8::amx::project::ROWS));
    all.extend(of(int8::project::ROWS));
    all.extend(of(int8::amx::last::ROWS));
    all.extend(of(int8::last::ROWS));
    all
}

/// An operation, with as much of its shape as decides which kernels compute it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Task {
    /// A 1x1 convolution of so many input and output channels.
    Pointwise {
        /// Input channels.
        inputs: usize,
        /// Output channels computed in one call.
        outputs: usize,
    },
    /// A 3x3 depthwise convolution of this geometry.
    Depthwise(ConvGeometry),
    /// The first convolution, to so many output channels.
    Stem {
        /// Output channels.
        outputs: usize,
    },
    /// Pixels scaled to what the net expects.
    Scale,
    /// Global average pooling.
    Pool,
    /// A dense layer.
    Dense,
    /// Bilinear resampling.
    Resize,
    /// The inverse cosine transform of a JPEG.
    InverseDct,
    /// The samples of a JPEG's channel doubled.
    Triangle,
    /// The color of a JPEG.
    YccToRgb,
    /// The gradient of a 1x1 convolution's weights.
    PointwiseGradient,
    /// The gradients of a 3x3 depthwise convolution of this geometry.
    DepthwiseGradient(ConvGeometry),
    /// The gradient of global average pooling.
    PoolGradient,
    /// The first convolution in integers, to so many output channels.
    IntegerStem(usize),
    /// A 1x1 convolution in integers to so many channels of bytes, in rows of so many pixels.
    IntegerExpand(usize, usize),
    /// A 3x3 depthwise convolution in integers of this geometry.
    IntegerDepthwise(ConvGeometry),
    /// A 1x1 convolution in integers to so many channels of eighths.
    IntegerProject(usize),
    /// A 1x1 convolution in integers to so many channels of real numbers.
    IntegerLast(usize),
}

impl Isa {
    /// Returns a token of the kernel's own instruction set that prefers the kernel `name` wherever it fits. Other
    /// operations, and output channels too few for its tile, are left to the other kernels of that instruction set;
    /// [`Isa::uses`] tells which. For tests and measurements: without it the quickest kernel is chosen.
    ///
    /// # Errors
    /// [`Error::UnknownKernel`] for a name that is not in [`kernels`], [`Error::UnsupportedKernel`] if this processor
    /// lacks its instruction set.
    pub fn with_kernel(name: &str) -> Result<Self, Error> {
        let best = Self::best();
        let Some(kernel) = kernels().into_iter().find(|kernel| kernel.name == name) else {
            return Err(Error::UnknownKernel { name: name.to_owned() });
        };
        let runs = Self::runnable().find_map(|isa| isa.narrowed(kernel.level, kernel.name));
        runs.ok_or(Error::UnsupportedKernel { name: kernel.name, best: best.name() })
    }

    /// Returns the name of the instruction set whose f32 kernels this token uses: `avx512` under `avx512vnni`, which adds
    /// kernels for bytes alone. What is computed in f32 has the same bits under both.
    #[must_use]
    pub fn name_of_f32(self) -> &'static str {
        select(pointwise::ROWS, self)[0].kernel.level.name()
    }

    /// Returns the name of the instruction set whose products of bytes [`Roofline::peak_of_bytes`] measures under this token:
    /// itself under `amx`, `avx512vnni` under `avx512vbmi2`, and `avx2` under `avx512`, which has none of its own.
    ///
    /// [`Roofline::peak_of_bytes`]: crate::roofline::Roofline::peak_of_bytes
    #[must_use]
    pub fn name_of_bytes(self) -> &'static str {
        int8::peak::ProductLoop::of(self).level.name()
    }

    /// Returns the kernels that compute `task` under this token, in the order of the output channels that they compute.
    /// The operations choose by the same functions.
    ///
    /// # Panics
    /// For a depthwise convolution, or its gradients, of a stride other than 1 and 2, which no kernel computes.
    #[must_use]
    pub fn uses(self, task: Task) -> Vec<Kernel> {
        let tiled = |segments: [Segment; 3]| {
            segments.iter().filter(|segment| segment.count > 0).map(|segment| segment.row.kernel).collect()
        };
        match task {
            Task::Pointwise { inputs, outputs } => tiled(pointwise::segments(self, inputs, outputs)),
            Task::Stem { outputs } => tiled(stem::segments(self, outputs)),
            Task::Depthwise(geometry) => vec![depthwise::choose(self, &geometry).kernel],
            Task::Scale => vec![pick(scale::ROWS, self).kernel],
            Task::Pool => vec![pick(pool::ROWS, self).kernel],
            Task::Dense => vec![pick(dense::ROWS, self).kernel],
            Task::Resize => vec![pick(resize::ROWS, self).kernel],
            Task::InverseDct => vec![pick(jpeg::INVERSE_ROWS, self).kernel],
            Task::Triangle => vec![pick(jpeg::TRIANGLE_ROWS, self).kernel],
            Task::YccToRgb => vec![pick(jpeg::COLOR_ROWS, self).kernel],
            Task::PointwiseGradient => vec![pick(pointwise_gradient::ROWS, self).kernel],
            Task::DepthwiseGradient(geometry) => vec![depthwise_gradient::choose(self, &geometry).kernel],
            Task::PoolGradient => vec![pick(pool_gradient::ROWS, self).kernel],
            Task::IntegerStem(lanes) => of_blocks(int8::stem::chosen(self, lanes)),
            Task::IntegerExpand(lanes, width) => of_tiles(int8::amx::expand::chosen(self))
                .unwrap_or_else(|| of_blocks(int8::expand::chosen(self, lanes, width))),
            Task::IntegerDepthwise(geometry) => vec![int8::depthwise::choose(self, &geometry).kernel],
            Task::IntegerProject(lanes) => of_tiles(int8::amx::project::chosen(self))
                .unwrap_or_else(|| of_blocks(int8::project::chosen(self, lanes))),
            Task::IntegerLast(lanes) => of_tiles(int8::amx::last::chosen(self))
                .unwrap_or_else(|| of_blocks(int8::last::chosen(self, lanes))),
        }
    }
}

/// The kernel of a row that computes any number of blocks by tiles.
fn of_tiles<R: Row>(row: Option<&R>) -> Option<Vec<Kernel>> {
    row.map(|row| vec![*row.kernel()])
}

/// The kernels of the segments that have blocks.
fn of_blocks<T>(segments: [BlockSegment<T>; 3]) -> Vec<Kernel> {
    segments.iter().filter(|segment| segment.count > 0).map(|segment| segment.row.kernel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::BLOCK;

    #[test]
    fn every_lane_is_covered_once_and_in_order_by_any_wish() {
        let wishes = kernels().into_iter().filter_map(|kernel| Isa::with_kernel(kernel.name).ok());
        for isa in Isa::available().into_iter().chain(wishes) {
            for (k, lanes) in [16, 64, 65, 960].into_iter().flat_map(|k| (1..=200).map(move |n| (k, n))) {
                for segments in [pointwise::segments(isa, k, lanes), stem::segments(isa, lanes)] {
                    let mut next = 0;
                    for segment in segments.iter().filter(|segment| segment.count > 0) {
                        assert_eq!(segment.lane, next, "{isa:?}, {k} to {lanes}");
                        next += segment.count * segment.row.lanes;
                    }
                    assert!(next >= lanes && next < lanes + BLOCK, "{isa:?}, {k} to {lanes}: {next} covered");
                }
            }
        }
    }

    #[test]
    fn levels_that_only_add_bytes_compute_f32_as_the_one_below() {
        for isa in Isa::available() {
            let name = isa.name_of_f32();
            assert_eq!(Isa::named(name).unwrap().name_of_f32(), name);
            assert!(
                isa.name().starts_with(name)
                    || [("avxvnni", "avx2"), ("amx", "avx512")].contains(&(isa.name(), name)),
                "{isa}: {name}"
            );
            let bytes = Isa::named(isa.name_of_bytes()).unwrap();
            assert_eq!(bytes.name_of_bytes(), bytes.name());
            assert!(isa.level().includes(bytes.level()), "{isa}: {bytes}");
        }
    }

    #[test]
    fn a_kernel_is_forced_by_its_name_alone_and_other_operations_keep_to_its_instruction_set() {
        assert!(matches!(Isa::with_kernel("pointwise"), Err(Error::UnknownKernel { .. })));
        for kernel in kernels() {
            let Ok(isa) = Isa::with_kernel(kernel.name) else {
                assert!(!kernel.runs_on(Isa::best()), "{} runs and cannot be forced", kernel.name);
                continue;
            };
            assert_eq!(isa.kernel(), Some(kernel.name));
            assert!(kernel.name.ends_with(&format!("_{isa}")), "{} is a row of {isa}", kernel.name);
            assert_eq!(kernel.name.contains("_i8_"), kernel.operation.is_integer(), "{}", kernel.name);
            let integers = [Task::IntegerStem(96), Task::IntegerExpand(96, 20), Task::IntegerLast(96)];
            let floats = [Task::Pointwise { inputs: 8, outputs: 64 }, Task::Stem { outputs: 64 }, Task::Pool];
            for task in integers.into_iter().chain(floats) {
                let uses = isa.uses(task);
                // A level without a kernel of its own for an operation takes that of one that it includes.
                assert!(
                    uses.iter().all(|used| kernel.level.includes(used.level)),
                    "{}: {uses:?}",
                    kernel.name
                );
                if uses.iter().any(|used| used.operation == kernel.operation) {
                    assert_eq!(uses, [kernel], "so many channels fit every tile");
                }
            }
        }
    }
}
