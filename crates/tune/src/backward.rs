//! The way back through the groups of a batch: from the gradient of the pooled features to those of all folded weights.
//!
//! ```text
//! d(features)  = d(pooled) / pixels, where the feature lies between 0 and 6
//! of a 1x1     d(weights) = inputs' d(outputs),   d(inputs) = d(outputs) weights'
//! of a block   d(output) ─ project' ─ mask ─ depthwise' ─ mask ─ expand' ─(+ d(output), where it was added)─ d(input)
//! ```
//!
//! Masks depend on what left a ReLU6 alone. Gradients of weights are summed over groups in order and over pixels in order,
//! whatever thread does it; those of different layers, and those of inputs, are done at the same time where nothing stands
//! between them.

use icecap_graph::Tap;
use icecap_kernels::{
    BLOCK, DepthwiseGradient, Epilogue, Pointwise, PointwiseGradient, Threads, depthwise_gradient, pointwise,
    pointwise_gradient, pool_gradient,
};

use crate::{
    forward::{FEW_PANELS, PANELS, Product, behind},
    gradients::PieceState,
    group::{BlockMemory, Group, Tall, entering},
    layer::{Layer, TAPS},
    scratch::Scratch,
    sections::Block,
    tail::Tail,
    work::{Compute, Piece},
};

/// One pass backwards over the tail.
pub(crate) struct Backward<'a> {
    pub(crate) tail: &'a Tail,
    pub(crate) compute: Compute<'a>,
    pub(crate) groups: &'a mut [Group],
    /// The gradients of the layers' pieces, which are added to.
    pub(crate) layers: &'a mut [Vec<PieceState>],
    pub(crate) scratch: &'a mut [Scratch],
    /// Is told the tap behind each section whose gradients are done.
    pub(crate) passed: &'a mut dyn FnMut(Tap),
}

/// The input of a 1x1 convolution in one group, the gradient of its output, and how many photos they are of.
type Term<'a> = (usize, &'a [f32], &'a [f32]);

impl Backward<'_> {
    /// Goes all the way back from `d_pooled` [photos, features].
    pub(crate) fn run(&mut self, d_pooled: &[f32]) {
        self.pool(d_pooled);
        (self.passed)(Tap::Pooled);
        self.last();
        (self.passed)(Tap::Features);
        let blocks = self.tail.sections.blocks.len();
        for index in (0..blocks).rev() {
            self.filtering(index);
            self.depthwise_sums(index);
            self.expansion(index);
            (self.passed)(behind(index, blocks));
        }
    }

    /// Spreads the gradient of the pooled features over the pixels.
    fn pool(&mut self, d_pooled: &[f32]) {
        let (channels, side, isa) = (self.tail.sections.last[1], self.tail.sections.side, self.compute.isa);
        let (mut pieces, mut rest): (Vec<Piece<'_>>, _) = (Vec::new(), d_pooled);
        for group in self.groups.iter_mut() {
            let tall = Tall::compact(group.photos, side);
            let (own, len) = (group.photos * channels, PANELS * tall.block_len());
            let d_pooled;
            (d_pooled, rest) = rest.split_at(own);
            let chunks = group.features.chunks(len).zip(group.d_features.chunks_mut(len)).enumerate();
            pieces.extend(chunks.map(|(chunk, (features, d_features))| {
                Box::new(move |(): &mut ()| {
                    let blocks =
                        features.chunks(tall.block_len()).zip(d_features.chunks_mut(tall.block_len()));
                    for (index, (features, d_features)) in blocks.enumerate() {
                        let first = (chunk * PANELS + index) * BLOCK;
                        let lanes = first..channels.min(first + BLOCK);
                        let planes = d_features.chunks_exact_mut(tall.plane_len()).enumerate();
                        for ((photo, d_features), d_pooled) in planes.zip(d_pooled.chunks_exact(channels)) {
                            let features = tall.plane(photo, lanes.len(), features);
                            pool_gradient(isa, &d_pooled[lanes.clone()], features, d_features);
                        }
                    }
                }) as Piece<'_>
            }));
        }
        self.compute.run(pieces);
    }

    /// The last convolution.
    fn last(&mut self) {
        let Self { tail, compute, .. } = *self;
        let (side, has_blocks) = (tail.sections.side, !tail.sections.blocks.is_empty());
        let (Some(layer), Some(states)) = (tail.layers.last(), self.layers.last_mut()) else { return };
        let (mut terms, mut pieces): (Vec<Term<'_>>, Vec<Piece<'_>>) = (Vec::new(), Vec::new());
        let [_, weights] = layer.pointwise();
        for group in self.groups.iter_mut() {
            let Group { photos, entry, blocks, d_features, d_output, .. } = group;
            let input = entering(entry, blocks);
            terms.push((*photos, input, d_features));
            if has_blocks {
                let tall = Tall::compact(*photos, side);
                let product =
                    Product { compute, weights, tall, input: d_features, relu6: false, added: None };
                product.pieces(FEW_PANELS, d_output, &mut pieces);
            }
        }
        Weights { compute, layer, terms: &terms, side }.pieces(states, &mut pieces);
        compute.run(pieces);
    }

    /// From the gradient of a block's output to that of what its expansion gave, and the gradients of the projection.
    fn filtering(&mut self, index: usize) {
        let Self { tail, compute, .. } = *self;
        let block = &tail.sections.blocks[index];
        let (from, to) = (block.geometry.input(), block.geometry.output());
        let (mut terms, mut pieces): (Vec<Term<'_>>, Vec<Piece<'_, Scratch>>) = (Vec::new(), Vec::new());
        for group in self.groups.iter_mut() {
            let Group { photos, entry, blocks, d_output, d_expanded, .. } = group;
            let BlockMemory { expanded, filtered, d_weights, d_bias, .. } = &mut blocks[index];
            let d_output: &[f32] = d_output;
            terms.push((*photos, filtered, d_output));
            let convolved: &[f32] = if block.expand.is_some() { expanded } else { entry };
            let [inner, outer] = [from, to].map(|side| Tall::compact(*photos, side));
            let [entered, left] = [inner, outer].map(|tall| PANELS * tall.block_len());
            let d_expanded = &mut d_expanded[..inner.layout(block.expanded).len()];
            let added = (block.residual && block.expand.is_none()).then_some(&**entry);
            let images =
                convolved.chunks(entered).zip(filtered.chunks(left)).zip(d_expanded.chunks_mut(entered));
            let sums = d_weights.chunks_mut(PANELS * TAPS * BLOCK).zip(d_bias.chunks_mut(PANELS * BLOCK));
            for (chunk, (((convolved, filtered), d_expanded), sums)) in images.zip(sums).enumerate() {
                let first = chunk * PANELS;
                let filtering = Filtering { tail, compute, block, photos: *photos, first, d_output, added };
                pieces.push(Box::new(move |scratch| {
                    filtering.run(scratch, [convolved, filtered], d_expanded, sums);
                }));
            }
        }
        let layer = &tail.layers[block.project];
        let weights = Weights { compute, layer, terms: &terms, side: to };
        weights.pieces(&mut self.layers[block.project], &mut pieces);
        compute.run_with(self.scratch, pieces);
    }

    /// Adds up the gradients of a depthwise convolution over the groups.
    fn depthwise_sums(&mut self, index: usize) {
        let layer = self.tail.sections.blocks[index].depthwise;
        for (piece, state) in self.tail.layers[layer].pieces.iter().zip(&mut self.layers[layer]) {
            let lanes = piece.panels.start * BLOCK..piece.panels.end * BLOCK;
            for group in self.groups.iter() {
                let memory = &group.blocks[index];
                add(state.gradients[0].data_mut(), &memory.d_weights[lanes.start * TAPS..lanes.end * TAPS]);
                add(&mut state.d_bias, &memory.d_bias[lanes.clone()]);
            }
        }
    }

    /// From the gradient of what a block's expansion gave to that of the block's input, if anything below is trained, and
    /// the gradients of the expansion. Of the net's first block it is that of the first convolution.
    fn expansion(&mut self, index: usize) {
        let Self { tail, compute, .. } = *self;
        let block = &tail.sections.blocks[index];
        let side = block.geometry.input();
        let place = match (block.expand, tail.sections.stem) {
            (Some(expand), _) => expand,
            (None, Some(_)) => 0,
            (None, None) => return,
        };
        let (mut terms, mut pieces): (Vec<Term<'_>>, Vec<Piece<'_>>) = (Vec::new(), Vec::new());
        for group in self.groups.iter_mut() {
            let Group { photos, patches, entry, blocks, d_input, d_output, d_expanded, .. } = group;
            let d_expanded: &[f32] = d_expanded;
            let input: &[f32] = match block.expand {
                Some(_) => entering(entry, &blocks[..index]),
                None => patches,
            };
            terms.push((*photos, input, d_expanded));
            if index > 0 {
                let expansion = Expansion { tail, compute, block, photos: *photos };
                let product = expansion.product(d_expanded, d_output);
                product.pieces(FEW_PANELS, d_input, &mut pieces);
            }
        }
        let layer = &tail.layers[place];
        Weights { compute, layer, terms: &terms, side }.pieces(&mut self.layers[place], &mut pieces);
        compute.run(pieces);
        if index > 0 {
            for group in self.groups.iter_mut() {
                std::mem::swap(&mut group.d_input, &mut group.d_output);
            }
        }
    }
}

/// The expansion of a block, on the way back.
pub(crate) struct Expansion<'a, 'b> {
    pub(crate) tail: &'a Tail,
    pub(crate) compute: Compute<'a>,
    pub(crate) block: &'b Block,
    pub(crate) photos: usize,
}

impl<'a> Expansion<'a, '_> {
    /// The product that gives the gradient of the block's input.
    pub(crate) fn product(&self, d_expanded: &'a [f32], d_output: &'a [f32]) -> Product<'a> {
        let Self { tail, compute, block, photos } = *self;
        let [_, weights] = tail.layers[block.expand.unwrap_or_default()].pointwise();
        let tall = Tall::compact(photos, block.geometry.input());
        let added = block.residual.then_some(d_output);
        Product { compute, weights, tall, input: d_expanded, relu6: false, added }
    }
}

/// The gradients of a 1x1 convolution's weights, over all groups.
struct Weights<'a> {
    compute: Compute<'a>,
    layer: &'a Layer,
    terms: &'a [Term<'a>],
    /// Rows and columns of the images.
    side: (usize, usize),
}

impl<'a> Weights<'a> {
    /// Adds a piece of work for each piece of the layer.
    fn pieces<S>(&self, states: &'a mut [PieceState], pieces: &mut Vec<Piece<'a, S>>) {
        let Self { compute, layer, terms, side } = *self;
        for (piece, state) in layer.pieces.iter().zip(states) {
            pieces.push(Box::new(move |_| {
                for &(photos, input, d_output) in terms {
                    let tall = Tall::compact(photos, side);
                    let step = PointwiseGradient {
                        input: tall.image(layer.inputs, input),
                        d_output: tall.image(layer.outputs, d_output),
                        panels: piece.panels.clone(),
                    };
                    let kernel = state.gradients[0].data_mut();
                    pointwise_gradient(compute.isa, &step, kernel, &mut state.d_bias);
                }
            }));
        }
    }
}

/// Some channels of a block on the way back through its projection and its depthwise convolution.
#[derive(Clone, Copy)]
struct Filtering<'a> {
    tail: &'a Tail,
    compute: Compute<'a>,
    block: &'a Block,
    photos: usize,
    /// The first block of 16 channels.
    first: usize,
    d_output: &'a [f32],
    /// What entered the block, if it is added to what left it and nothing expands it.
    added: Option<&'a [f32]>,
}

impl Filtering<'_> {
    /// `sums` are the gradients of the depthwise convolution's weights and bias over this group.
    fn run(
        &self,
        scratch: &mut Scratch,
        [expanded, filtered]: [&[f32]; 2],
        d_expanded: &mut [f32],
        (d_weights, d_bias): (&mut [f32], &mut [f32]),
    ) {
        let Self { tail, compute, block, photos, first, d_output, .. } = *self;
        let (from, to) = (block.geometry.input(), block.geometry.output());
        let (padded, compact) = (Tall::padded(photos, &block.geometry), Tall::compact(photos, to));
        let (bordered, inner) = (Tall::bordered(photos, to), Tall::compact(photos, from));
        let blocks = filtered.len() / compact.block_len();
        let channels = block.expanded.min((first + blocks) * BLOCK) - first * BLOCK;
        let [_, weights] = tail.layers[block.project].pointwise();
        let masked = compact.image(channels, filtered);
        let panels = first..first + blocks;
        let step = Pointwise { weights, panels, epilogue: Epilogue::Masked(masked) };
        let product = scratch.product.blocks(compact, blocks);
        let input = compact.image(block.output, d_output);
        pointwise(&Threads::serial(), compute.isa, &step, input, &mut compact.image_mut(channels, product));
        let d_filtered = scratch.d_filtered.place(bordered, product, blocks);
        let expanded = scratch.expanded.place(padded, expanded, blocks);
        d_weights.fill(0.0);
        d_bias.fill(0.0);
        let weights = tail.layers[block.depthwise].depthwise();
        let sums = d_weights.chunks_exact_mut(TAPS * BLOCK).zip(d_bias.chunks_exact_mut(BLOCK));
        for (index, (d_weights, d_bias)) in sums.enumerate() {
            let lanes = BLOCK.min(channels - index * BLOCK);
            let d_expanded = &mut d_expanded[index * inner.block_len()..][..inner.block_len()];
            for (photo, d_input) in d_expanded.chunks_exact_mut(inner.plane_len()).enumerate() {
                let step = DepthwiseGradient {
                    geometry: &block.geometry,
                    weights,
                    blocks: first + index..first + index + 1,
                    input: padded.plane(photo, lanes, &expanded[index * padded.block_len()..]),
                    d_output: bordered.plane(photo, lanes, &d_filtered[index * bordered.block_len()..]),
                };
                depthwise_gradient(compute.isa, &step, d_input, d_weights, d_bias);
            }
        }
        if let Some(entered) = self.added {
            let own = first * inner.block_len()..;
            let terms = d_output[own.clone()].iter().zip(&entered[own]);
            for (sum, (&term, &entered)) in d_expanded.iter_mut().zip(terms) {
                *sum += if entered > 0.0 && entered < 6.0 { term } else { 0.0 };
            }
        }
    }
}

fn add(sums: &mut [f32], terms: &[f32]) {
    for (sum, term) in sums.iter_mut().zip(terms) {
        *sum += term;
    }
}
