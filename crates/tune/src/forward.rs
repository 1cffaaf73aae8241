//! The forward pass over the groups of a batch, every layer kept for the way back.

use icecap_graph::{BLOCKS, Scaling, Tap};
use icecap_kernels::{
    BLOCK, ConvGeometry, Depthwise, Epilogue, PackedPointwise, Pointwise, Stem, Threads, WINDOW, depthwise,
    pointwise, pool, scale_pixels, scaled_len, stem,
};

use crate::{
    group::{BlockMemory, Group, Tall, entering},
    scratch::Scratch,
    sections::Block,
    tail::Tail,
    work::{Compute, Piece},
};

/// Panels of 16 output channels in a piece of work.
pub(crate) const PANELS: usize = 4;

/// Panels in a piece of a projection, which has few.
pub(crate) const FEW_PANELS: usize = 2;

/// What a pass works in: the groups of its batch, a place to scribble for each thread, and whom it tells the tap behind each
/// section that is done.
pub(crate) struct Memory<'a> {
    pub(crate) groups: &'a mut [Group],
    pub(crate) scratch: &'a mut [Scratch],
    pub(crate) passed: &'a mut dyn FnMut(Tap),
}

/// The tap behind block `index` of a tail with so many blocks.
pub(crate) fn behind(index: usize, blocks: usize) -> Tap {
    Tap::Block(BLOCKS - blocks + index)
}

/// Computes the tail for the rows of a batch, `rows` [photos, h, w, C], into `pooled` [photos, features].
pub(crate) fn forward(
    tail: &Tail,
    compute: Compute<'_>,
    Memory { groups, scratch, passed }: Memory<'_>,
    rows: &[f32],
    pooled: &mut [f32],
) {
    enter(tail, compute, groups, rows);
    if tail.sections.stem.is_some() {
        passed(Tap::Stem);
    }
    let blocks = tail.sections.blocks.len();
    for index in 0..blocks {
        block(tail, compute, groups, scratch, index);
        passed(behind(index, blocks));
    }
    last(tail, compute, groups);
    passed(Tap::Features);
    let (channels, side) = (tail.sections.last[1], tail.sections.side);
    let photos = groups.iter().flat_map(|group| (0..group.photos).map(move |photo| (group, photo)));
    let pieces: Vec<Piece<'_>> = photos
        .zip(pooled.chunks_exact_mut(channels))
        .map(|((group, photo), pooled)| {
            Box::new(move |(): &mut ()| {
                let tall = Tall::compact(group.photos, side);
                for (block, pooled) in pooled.chunks_mut(BLOCK).enumerate() {
                    let data = &group.features[block * tall.block_len()..];
                    pool(compute.isa, tall.plane(photo, pooled.len(), data), pooled);
                }
            }) as Piece<'_>
        })
        .collect();
    compute.run(pieces);
    passed(Tap::Pooled);
}

/// Puts each photo's row where the first of the blocks reads it.
fn enter(tail: &Tail, compute: Compute<'_>, groups: &mut [Group], rows: &[f32]) {
    let row_len = tail.input_shape().elements();
    let mut rest = rows;
    let mut pieces: Vec<Piece<'_>> = Vec::with_capacity(groups.len());
    for group in groups {
        let own;
        (own, rest) = rest.split_at(group.photos * row_len);
        pieces.push(Box::new(move |(): &mut ()| match tail.sections.stem {
            Some(geometry) => first_convolution(tail, compute, group, &geometry, own),
            None => {
                let tall = Tall::compact(group.photos, tail.sections.entry);
                // Photos one behind the other are the rows of the tall image.
                tall.image_mut(tail.sections.input(), &mut group.entry).read_hwc(own);
            }
        }));
    }
    compute.run(pieces);
}

/// The net's first convolution over a group's pixels, and the patches that its gradient needs.
fn first_convolution(
    tail: &Tail,
    compute: Compute<'_>,
    group: &mut Group,
    geometry: &ConvGeometry,
    pixels: &[f32],
) {
    let weights = tail.layers[0].stem();
    let Scaling { scale, shift } = tail.scaling;
    let mut scaled = vec![0.0; scaled_len(geometry)];
    let (serial, isa) = (Threads::serial(), compute.isa);
    let tall = Tall::compact(group.photos, geometry.output());
    for (photo, pixels) in pixels.chunks_exact(pixels.len() / group.photos).enumerate() {
        let step = icecap_kernels::Scale { geometry, scale, shift };
        scale_pixels(&serial, isa, &step, pixels, &mut scaled);
        let step = Stem { geometry, weights, relu6: true };
        let mut output = tall.image_mut(weights.outputs(), &mut group.entry);
        stem(&serial, isa, &step, &scaled, &mut output.rows(tall.photo(photo)));
        patches(geometry, &scaled, &tall, photo, &mut group.patches);
    }
}

/// The 27 inputs of each output pixel of the first convolution, as two blocks of channels.
fn patches(geometry: &ConvGeometry, scaled: &[f32], tall: &Tall, photo: usize, patches: &mut [f32]) {
    let (height, width) = geometry.output();
    let row_len = scaled.len() / (geometry.pads().top + geometry.input().0 + geometry.pads().bottom);
    let run = 3 * WINDOW;
    let (planes, plane) = (tall.block_len(), photo * tall.plane_len());
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        for input in 0..WINDOW * run {
            let from = (y * geometry.stride() + input / run) * row_len + x * geometry.stride() * 3;
            let to = input / BLOCK * planes + plane + (y * width + x) * BLOCK + input % BLOCK;
            patches[to] = scaled[from + input % run];
        }
    }
}

/// Expands, convolves and projects the input of a block of every group.
fn block(tail: &Tail, compute: Compute<'_>, groups: &mut [Group], scratch: &mut [Scratch], index: usize) {
    let block = &tail.sections.blocks[index];
    let mut pieces: Vec<Piece<'_, Scratch>> = Vec::new();
    for group in groups.iter_mut() {
        let photos = group.photos;
        let (before, memory) = group.blocks.split_at_mut(index);
        let input = entering(&group.entry, before);
        let BlockMemory { expanded, filtered, .. } = &mut memory[0];
        let [from, to] = [block.geometry.input(), block.geometry.output()]
            .map(|side| PANELS * Tall::compact(photos, side).block_len());
        // Without an expansion the input is what is convolved, and `expanded` is empty.
        let mut chunks = expanded.chunks_mut(from);
        let chunks = filtered.chunks_mut(to).map(|filtered| (chunks.next().unwrap_or_default(), filtered));
        pieces.extend(chunks.enumerate().map(|(chunk, (expanded, filtered))| {
            let filtering = Filtering { tail, compute, block, photos, first: chunk * PANELS };
            Box::new(move |scratch: &mut Scratch| filtering.run(scratch, input, expanded, filtered))
                as Piece<'_, Scratch>
        }));
    }
    compute.run_with(scratch, pieces);
    let project = tail.layers[block.project].pointwise()[0];
    let side = block.geometry.output();
    let mut pieces = Vec::new();
    for group in groups.iter_mut() {
        let tall = Tall::compact(group.photos, side);
        let (before, memory) = group.blocks.split_at_mut(index);
        let input = entering(&group.entry, before);
        let BlockMemory { filtered, output, .. } = &mut memory[0];
        let product = Product {
            compute,
            weights: project,
            tall,
            input: filtered,
            relu6: false,
            added: block.residual.then_some(input),
        };
        product.pieces(FEW_PANELS, output, &mut pieces);
    }
    compute.run(pieces);
}

/// The last convolution of every group.
fn last(tail: &Tail, compute: Compute<'_>, groups: &mut [Group]) {
    let Some(layer) = tail.layers.last() else { return };
    let mut pieces = Vec::new();
    for group in groups {
        let tall = Tall::compact(group.photos, tail.sections.side);
        let input = entering(&group.entry, &group.blocks);
        let [weights, _] = layer.pointwise();
        let product = Product { compute, weights, tall, input, relu6: true, added: None };
        product.pieces(PANELS, &mut group.features, &mut pieces);
    }
    compute.run(pieces);
}

/// A 1x1 convolution of a group's tall image without zeros around it.
pub(crate) struct Product<'a> {
    pub(crate) compute: Compute<'a>,
    pub(crate) weights: &'a PackedPointwise,
    pub(crate) tall: Tall,
    pub(crate) input: &'a [f32],
    pub(crate) relu6: bool,
    /// What is added to the output, of its shape.
    pub(crate) added: Option<&'a [f32]>,
}

impl<'a> Product<'a> {
    /// Cuts the product into pieces of `panels` panels.
    pub(crate) fn pieces(&self, panels: usize, output: &'a mut [f32], pieces: &mut Vec<Piece<'a>>) {
        let Self { compute, weights, tall, input, relu6, added } = *self;
        let len = panels * tall.block_len();
        let output = &mut output[..tall.layout(weights.outputs()).len()];
        for (chunk, output) in output.chunks_mut(len).enumerate() {
            pieces.push(Box::new(move |(): &mut ()| {
                let first = chunk * panels;
                let panels = first..weights.panels().min(first + panels);
                let channels = weights.outputs().min(panels.end * BLOCK) - first * BLOCK;
                let epilogue = match added {
                    Some(added) => Epilogue::Add(tall.image(channels, &added[first * tall.block_len()..])),
                    None if relu6 => Epilogue::Relu6,
                    None => Epilogue::Linear,
                };
                let step = Pointwise { weights, panels, epilogue };
                let input = tall.image(weights.inputs(), input);
                let mut output = tall.image_mut(channels, output);
                pointwise(&Threads::serial(), compute.isa, &step, input, &mut output);
            }));
        }
    }
}

/// Some channels of a block: expanded and convolved depthwise.
#[derive(Clone, Copy)]
struct Filtering<'a> {
    tail: &'a Tail,
    compute: Compute<'a>,
    block: &'a Block,
    photos: usize,
    /// The first block of 16 channels.
    first: usize,
}

impl Filtering<'_> {
    fn run(&self, scratch: &mut Scratch, input: &[f32], expanded: &mut [f32], filtered: &mut [f32]) {
        let Self { tail, compute, block, photos, first } = *self;
        let from = Tall::compact(photos, block.geometry.input());
        let padded = Tall::padded(photos, &block.geometry);
        let to = Tall::compact(photos, block.geometry.output());
        let blocks = filtered.len() / to.block_len();
        let channels = block.expanded.min((first + blocks) * BLOCK) - first * BLOCK;
        let expanded: &[f32] = match block.expand {
            Some(expand) => {
                let [weights, _] = tail.layers[expand].pointwise();
                let panels = first..first + blocks;
                let step = Pointwise { weights, panels, epilogue: Epilogue::Relu6 };
                let mut output = from.image_mut(channels, expanded);
                let input = from.image(block.input, input);
                pointwise(&Threads::serial(), compute.isa, &step, input, &mut output);
                expanded
            }
            None => &input[first * from.block_len()..][..blocks * from.block_len()],
        };
        let expanded = scratch.expanded.place(padded, expanded, blocks);
        let weights = tail.layers[block.depthwise].depthwise();
        for (index, filtered) in filtered.chunks_exact_mut(to.block_len()).enumerate() {
            let expanded = &expanded[index * padded.block_len()..];
            let lanes = BLOCK.min(channels - index * BLOCK);
            let own = first + index..first + index + 1;
            let step = Depthwise { geometry: &block.geometry, weights, blocks: own, relu6: true };
            for (photo, filtered) in filtered.chunks_exact_mut(to.plane_len()).enumerate() {
                depthwise(compute.isa, &step, padded.plane(photo, lanes, expanded), filtered);
            }
        }
    }
}
