//! The plan of an f32 net: a range of stages, how each is computed, and the place of every value they need.
//!
//! A block of the net, expand, depthwise, project, add, is written as in the paper in [`ReferencePlan`], and is never
//! computed so: its expanded image is six times the block's input and would leave every cache. The plan decides for
//! each stage and input size in which [`Mode`] it is computed instead; every mode gives the same bits.
//!
//! [`ReferencePlan`]: crate::ReferencePlan

use std::ops::Range;
use std::sync::Arc;

use icecap_kernels::{ConvGeometry, Isa, Layout, scaled_len};

use crate::{
    arena::Planner,
    bands::Bands,
    chunks::Chunks,
    net::Net,
    stage::{Node, Stage},
};

/// A chunk larger than this, in bytes, is a matter for bands: written and read again, it would not stay in a
/// second-level cache of 1 MiB. Below, chunks are the faster ones: a layer runs over the whole image in one call.
const BANDS_FROM: usize = 512 << 10;

/// How a stage is computed.
#[derive(Clone, Debug)]
pub(crate) enum Mode {
    /// The first convolution over the whole image.
    Stem(ConvGeometry),
    /// A block by chunks of channels.
    Chunks(Chunks),
    /// A block by bands of rows.
    Bands(Bands),
    /// The first block by bands of rows, with the rows of the first convolution computed just before they are read.
    Joined(Bands, ConvGeometry),
    /// Nothing to do: the next stage is joined with this one.
    Ahead,
    /// The last convolution over the whole image.
    Last,
    /// The mean over the image.
    Pool,
    /// The dense layer of the classification top.
    Top,
}

impl Mode {
    /// Returns the lengths of the chunk buffers, the depthwise result and the bands, where `workers` threads share an
    /// image.
    fn scratch(&self, workers: usize) -> [usize; 3] {
        match self {
            Self::Stem(geometry) => [scaled_len(geometry), 0, 0],
            Self::Chunks(chunks) => {
                let buffers = if chunks.expands() { workers * chunks.buffer_len() } else { 0 };
                [buffers, chunks.convolved().len(), 0]
            }
            Self::Bands(bands) | Self::Joined(bands, _) => [0, 0, bands.len()],
            Self::Ahead | Self::Last | Self::Pool | Self::Top => [0; 3],
        }
    }
}

/// Where a step's values lie in the arena.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// What enters the step.
    pub(crate) input: Range<usize>,
    /// What leaves it.
    pub(crate) output: Range<usize>,
    /// The chunk buffers of all workers, one behind the other; in the first convolution the scaled image.
    pub(crate) chunk: Range<usize>,
    /// A block's depthwise result.
    pub(crate) depthwise: Range<usize>,
    /// What a block by bands needs.
    pub(crate) bands: Range<usize>,
}

/// One stage of a plan.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) node: Node,
    /// The layout of what enters.
    pub(crate) input: Layout,
    /// How a thread that has the image to itself computes the stage.
    pub(crate) alone: Mode,
    /// How several threads compute it together.
    pub(crate) shared: Mode,
    pub(crate) places: Places,
}

/// A range of an f32 net's stages for one input size, with every place in memory decided.
#[derive(Debug)]
pub(crate) struct FloatPlan {
    pub(crate) net: Arc<Net>,
    pub(crate) isa: Isa,
    pub(crate) steps: Vec<Step>,
    arena_len: usize,
}

impl FloatPlan {
    /// Plans the stages `range` of all the `nodes` of a net.
    pub(crate) fn new(net: &Arc<Net>, isa: Isa, nodes: &[Node], range: Range<usize>, workers: usize) -> Self {
        let (steps, arena_len) = place(net, nodes, range, workers);
        Self { net: Arc::clone(net), isa, steps, arena_len }
    }

    /// Returns the number of values that the arena holds.
    pub(crate) fn arena_len(&self) -> usize {
        self.arena_len
    }
}

/// Decides how the stages `range` are computed and where their values lie; the second value is the length of the arena.
fn place(net: &Net, nodes: &[Node], range: Range<usize>, workers: usize) -> (Vec<Step>, usize) {
    let mut planner = Planner::default();
    let joined = joined_stem(net, nodes, &range);
    // Pixels never enter the arena unscaled.
    let before = range.start.checked_sub(1).map(|index| nodes[index].output);
    let mut input = before.unwrap_or(Layout::compact(0, 0, 0));
    let mut input_request = planner.request(input.len(), range.start, range.start);
    let mut requests = Vec::with_capacity(range.len());
    let mut steps = Vec::with_capacity(range.len());
    for index in range {
        let node = nodes[index].clone();
        let (alone, shared) = modes(net, &node, joined.as_ref(), workers);
        // What leaves a stage that is always joined with the next is never written down.
        let ahead = matches!((&alone, &shared), (Mode::Ahead, Mode::Ahead));
        let output_len = if ahead { 0 } else { node.output.len() };
        let output_request = planner.request(output_len, index, index + 1);
        let (one, other) = (alone.scratch(workers), shared.scratch(workers));
        let [chunk, depthwise, bands] =
            std::array::from_fn(|part| planner.request(one[part].max(other[part]), index, index));
        requests.push([input_request, output_request, chunk, depthwise, bands]);
        let output = node.output;
        let places = Places { input: 0..0, output: 0..0, chunk: 0..0, depthwise: 0..0, bands: 0..0 };
        steps.push(Step { node, input, alone, shared, places });
        (input, input_request) = (output, output_request);
    }
    let (ranges, len) = planner.places();
    for (step, requests) in steps.iter_mut().zip(requests) {
        let [input, output, chunk, depthwise, bands] = requests.map(|request| ranges[request].clone());
        step.places = Places { input, output, chunk, depthwise, bands };
    }
    (steps, len)
}

/// Returns the first convolution if a thread alone computes it together with the first block.
///
/// It cannot if that block adds what it read to what it gives, as in the narrowest nets: the rows are gone by then.
fn joined_stem(net: &Net, nodes: &[Node], range: &Range<usize>) -> Option<ConvGeometry> {
    let first = &net.spec.blocks()[0];
    let possible = range.start == 0 && range.end > 1 && !first.has_expand() && !first.is_residual();
    match &nodes[0].stage {
        Stage::Stem(geometry) if possible => Some(*geometry),
        _ => None,
    }
}

/// Returns how a thread that has the image to itself computes a stage, and how `workers` threads do it together; the
/// two are the same if there is only one worker.
fn modes(net: &Net, node: &Node, joined: Option<&ConvGeometry>, workers: usize) -> (Mode, Mode) {
    let (alone, shared) = match (&node.stage, joined) {
        (Stage::Stem(geometry), None) => (Mode::Stem(*geometry), Mode::Stem(*geometry)),
        (Stage::Stem(geometry), Some(_)) => (Mode::Ahead, Mode::Stem(*geometry)),
        (Stage::Block(block, geometry), _) => {
            let spec = &net.spec.blocks()[*block];
            let chunks = Chunks::new(*geometry, spec.expanded, spec.has_expand(), workers);
            let alone = match joined.filter(|_| *block == 0) {
                Some(stem) => Mode::Joined(Bands::new(*geometry, spec.expanded).with_stem(stem), *stem),
                None if spec.has_expand() && chunks.buffer_len() * size_of::<f32>() > BANDS_FROM => {
                    Mode::Bands(Bands::new(*geometry, spec.expanded))
                }
                None => Mode::Chunks(chunks.clone()),
            };
            (alone, Mode::Chunks(chunks))
        }
        (Stage::Last, _) => (Mode::Last, Mode::Last),
        (Stage::Pool, _) => (Mode::Pool, Mode::Pool),
        (Stage::Top, _) => (Mode::Top, Mode::Top),
    };
    if workers == 1 { (alone.clone(), alone) } else { (alone, shared) }
}

#[cfg(test)]
mod tests {
    use icecap_kernels::Tensor;

    use super::*;
    use crate::{
        numerics::Numerics,
        params::{Params, tensor_shapes},
        spec::Spec,
        stage,
        tap::Tap,
    };

    fn planned(width: f32, side: usize, taps: Range<Tap>, workers: usize) -> FloatPlan {
        let spec = Spec::with_width(width).unwrap();
        let shapes = tensor_shapes(&spec, None).into_iter();
        let tensors = shapes.map(|(name, shape)| (name, Tensor::zeros(shape))).collect();
        let net = Arc::new(Net::new(&Params::new(spec, Numerics::KERAS, tensors).unwrap()));
        let nodes = stage::chain(&net.spec, net.numerics.padding, None, [side, side]).unwrap();
        let at = |tap: Tap| nodes.iter().position(|node| node.section.tap == tap).unwrap() + 1;
        let first = if taps.start == Tap::Image { 0 } else { at(taps.start) };
        FloatPlan::new(&net, Isa::named("portable").unwrap(), &nodes, first..at(taps.end), workers)
    }

    fn modes(plan: &FloatPlan, mode: impl Fn(&Step) -> &Mode) -> String {
        let letter = |step| match mode(step) {
            Mode::Stem(_) => 's',
            Mode::Chunks(_) => 'c',
            Mode::Bands(_) => 'b',
            Mode::Joined(..) => 'j',
            Mode::Ahead => '-',
            Mode::Last => 'l',
            Mode::Pool => 'p',
            Mode::Top => 't',
        };
        plan.steps.iter().map(letter).collect()
    }

    #[test]
    fn a_thread_alone_goes_by_bands_while_images_are_large_and_several_go_by_chunks() {
        let whole = Tap::Image..Tap::Pooled;
        let plan = planned(1.0, 224, whole.clone(), 2);
        let alone = modes(&plan, |step| &step.alone);
        assert_eq!(modes(&plan, |step| &step.shared), format!("s{}lp", "c".repeat(17)));
        let blocks = alone.strip_prefix("-j").and_then(|rest| rest.strip_suffix("lp")).unwrap();
        let bands = blocks.trim_end_matches('c');
        assert!(bands.len() < blocks.len() && !bands.is_empty(), "{alone}");
        assert!(bands.chars().all(|mode| mode == 'b'), "images only become smaller: {alone}");

        // One worker needs no other way, and no memory for one.
        let single = planned(1.0, 224, whole.clone(), 1);
        assert_eq!(modes(&single, |step| &step.alone), alone);
        assert_eq!(modes(&single, |step| &step.shared), alone);
        assert!(single.arena_len() < plan.arena_len());

        // What the first block adds, or what a plan starts behind, cannot be computed on the way.
        let narrow = planned(0.1, 64, whole, 1);
        assert!(modes(&narrow, |step| &step.alone).starts_with("sc"));
        let behind = planned(1.0, 64, Tap::Stem..Tap::Block(1), 1);
        assert_eq!(modes(&behind, |step| &step.alone), "cc");
    }
}
