//! Steps of tuning: forward, backward, the optimizer's move, and the weights folded again.

use icecap_graph::Tap;
use icecap_kernels::{Shape, Tensor};

use crate::{
    backward::{Backward, Expansion},
    error::Error,
    forward::{FEW_PANELS, Memory, Product, forward},
    gradients::PieceState,
    group::{Group, Tall},
    layer::Layer,
    scratch::Scratch,
    tail::Tail,
    work::{Compute, Piece},
};

/// Trains a [`Tail`]: it has the memory of the batch and of the optimizer. One tuner goes with one tail from its first step
/// to its last, or with copies of it.
#[derive(Debug)]
pub struct Tuner {
    groups: Vec<Group>,
    layers: Vec<Vec<PieceState>>,
    scratch: Vec<Scratch>,
    pooled: Tensor,
}

impl Tuner {
    /// Returns a tuner for `tail` whose optimizer has this name and the defaults of
    /// [`optim::named`](icecap_autograd::optim::named), and has taken no step yet.
    ///
    /// # Errors
    /// [`Error::Autograd`] for a name that no optimizer has.
    pub fn new(tail: &Tail, optimizer: &str) -> Result<Self, Error> {
        let states = |layer: &Layer| {
            let states = layer.pieces.iter().map(|piece| PieceState::new(piece, optimizer));
            states.collect::<Result<Vec<_>, Error>>()
        };
        let layers = tail.layers.iter().map(states).collect::<Result<_, _>>()?;
        let pooled = Tensor::zeros(Shape::of([0, tail.features()]));
        Ok(Self { groups: Vec::new(), layers, scratch: Vec::new(), pooled })
    }

    /// Computes the pooled features of a batch, [N, features], and keeps what the way back needs.
    ///
    /// # Shapes
    /// `rows` N times [`Tail::input_shape`].
    ///
    /// # Errors
    /// [`Error::Rows`] if `rows` is not a whole number of rows.
    pub fn forward(&mut self, tail: &Tail, compute: Compute<'_>, rows: &[f32]) -> Result<&Tensor, Error> {
        self.forward_told(tail, compute, rows, &mut |_| ())
    }

    /// [`Self::forward`], which tells `passed` the tap behind each section that is done.
    pub(crate) fn forward_told(
        &mut self,
        tail: &Tail,
        compute: Compute<'_>,
        rows: &[f32],
        passed: &mut dyn FnMut(Tap),
    ) -> Result<&Tensor, Error> {
        let shape = Shape::of([tail.photos(rows)?, tail.features()]);
        if self.pooled.shape() != shape {
            self.pooled = Tensor::zeros(shape);
        }
        tail.regroup(&mut self.groups, shape.dims()[0]);
        self.scratch.resize_with(compute.threads.count(), Scratch::default);
        let Self { groups, scratch, pooled, .. } = self;
        let memory = Memory { groups, scratch, passed };
        compute.threads.enter(|| forward(tail, compute, memory, rows, pooled.data_mut()));
        Ok(&self.pooled)
    }

    /// Computes the gradients of all that is trained, from that of the pooled features of the last forward pass.
    ///
    /// # Shapes
    /// `d_pooled` [N, features].
    ///
    /// # Errors
    /// [`Error::Batch`] if it is not of that shape.
    pub fn backward(&mut self, tail: &Tail, compute: Compute<'_>, d_pooled: &Tensor) -> Result<(), Error> {
        self.backward_told(tail, compute, d_pooled, &mut |_| ())
    }

    /// [`Self::backward`], which tells `passed` the tap behind each section whose gradients are done.
    pub(crate) fn backward_told(
        &mut self,
        tail: &Tail,
        compute: Compute<'_>,
        d_pooled: &Tensor,
        passed: &mut dyn FnMut(Tap),
    ) -> Result<(), Error> {
        let (expected, got) = (self.pooled.data().len(), d_pooled.data().len());
        if expected != got {
            return Err(Error::Batch { expected, got });
        }
        self.scratch.resize_with(compute.threads.count(), Scratch::default);
        let Self { groups, layers, scratch, .. } = self;
        layers.iter_mut().flatten().for_each(PieceState::clear);
        compute.threads.enter(|| {
            Backward { tail, compute, groups, layers, scratch, passed }.run(d_pooled.data());
            let pieces = tail.layers.iter().flat_map(|layer| &layer.pieces);
            let pieces = pieces.zip(layers.iter_mut().flatten()).map(|(piece, state)| {
                Box::new(move |(): &mut ()| piece.unfold(&state.d_bias, &mut state.gradients)) as Piece<'_>
            });
            compute.run(pieces.collect());
        });
        Ok(())
    }

    /// Moves what is trained along the gradients of the last backward pass, and folds it again.
    ///
    /// # Errors
    /// [`Error::Autograd`] for a learning rate that is negative or not finite.
    pub fn step(&mut self, tail: &mut Tail, compute: Compute<'_>, rate: f32) -> Result<(), Error> {
        let mut outcomes: Vec<Result<(), icecap_autograd::Error>> = Vec::new();
        outcomes.resize_with(self.layers.iter().map(Vec::len).sum(), || Ok(()));
        compute.threads.enter(|| {
            let states = self.layers.iter_mut().flatten().zip(&mut outcomes);
            let pieces = tail.layers.iter_mut().flat_map(|layer| {
                let trained = layer.trained;
                layer.split().into_iter().map(move |piece| (piece, trained))
            });
            let pieces = pieces.zip(states).map(|(((piece, weights, bias), trained), (state, outcome))| {
                Box::new(move |(): &mut ()| {
                    let parameters = &mut piece.parameters[..trained];
                    *outcome = state.optimizer.step(parameters, &state.gradients[..trained], rate);
                    piece.fold(weights, bias);
                }) as Piece<'_>
            });
            compute.run(pieces.collect());
            let layers = tail.layers.iter_mut();
            compute.run(
                layers.map(|layer| Box::new(move |(): &mut ()| layer.transpose()) as Piece<'_>).collect(),
            );
        });
        Ok(outcomes.into_iter().collect::<Result<(), _>>()?)
    }

    /// Returns the gradients of the last backward pass by Keras' names, in the order and shapes of [`Tail::tensors`].
    #[must_use]
    pub fn gradients(&self, tail: &Tail) -> Vec<(String, Tensor)> {
        let layers = tail.layers.iter().zip(&self.layers);
        layers.flat_map(|(layer, states)| layer.named(|piece| &states[piece].gradients)).collect()
    }

    /// Computes the gradient of the rows that entered the last forward pass, [N, h, w, C], after its backward pass; `None` if
    /// what enters is the image or leaves the first convolution. Training has no use for it: this is for looking into a net,
    /// and for tests.
    #[must_use]
    pub fn input_gradient(&self, tail: &Tail, compute: Compute<'_>) -> Option<Tensor> {
        let &[height, width, channels] = tail.input_shape().dims() else { return None };
        let photos = self.groups.iter().map(|group| group.photos).sum();
        let mut gradient = Tensor::zeros(Shape::of([photos, height, width, channels]));
        let mut rest = gradient.data_mut();
        let block = tail.sections.blocks.first();
        if block.is_some_and(|block| block.expand.is_none()) {
            return None;
        }
        for group in &self.groups {
            let tall = Tall::compact(group.photos, (height, width));
            let product = match block {
                Some(block) => Expansion { tail, compute, block, photos: group.photos }
                    .product(&group.d_expanded, &group.d_output),
                None => {
                    let [_, weights] = tail.layers[0].pointwise();
                    Product { compute, weights, tall, input: &group.d_features, relu6: false, added: None }
                }
            };
            let mut image = tall.zeros(channels);
            let mut pieces = Vec::new();
            product.pieces(FEW_PANELS, &mut image, &mut pieces);
            compute.run(pieces);
            let own;
            (own, rest) = std::mem::take(&mut rest).split_at_mut(group.photos * height * width * channels);
            tall.image(channels, &image).write_hwc(own);
        }
        Some(gradient)
    }
}
