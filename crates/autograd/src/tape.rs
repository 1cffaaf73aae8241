//! The tape: a forward pass written down, and walked backwards for its gradients.
//!
//! A node is a leaf (constant or parameter) or the output of an op on earlier nodes, so the order of the nodes is
//! an order of computation, and its reverse visits every node after all that use it:
//!
//! ```text
//! d[loss] = 1
//! for node from loss down to the first:
//!     for each input of the node's op that leads to a parameter:
//!         d[input] += (d output / d input)' * d[node]
//! ```
//!
//! 1. Whether a node leads to a parameter is settled while it is recorded, and ops are asked for no other
//!    gradient. Frozen features are constants: nothing is computed for them or for the dropout on top of them.
//! 2. Leaves are borrowed, not copied; outputs and gradients live in the buffers of a [`Workspace`].
//! 3. A tape is one step: the backward pass consumes it, which ends its borrow of the parameters, so that an
//!    optimizer can change them.
//!
//! Everything runs on the caller's thread in a fixed order.

use icecap_kernels::{Shape, Tensor, TensorMut, TensorRef};

use crate::{Error, Op, Recorded, Workspace};

/// A value on a tape: what the ops of that tape take and return. Tapes of one workspace refuse each other's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Var {
    tape: u64,
    index: usize,
}

enum Value<'a> {
    Borrowed(TensorRef<'a>),
    Owned(Tensor),
}

impl Value<'_> {
    fn view(&self) -> TensorRef<'_> {
        match self {
            Self::Borrowed(view) => *view,
            Self::Owned(tensor) => tensor.view(),
        }
    }
}

/// An op as it was applied.
struct Application<'a> {
    op: Box<dyn Op + 'a>,
    inputs: Vec<usize>,
    saved: Vec<f32>,
}

enum Origin<'a> {
    Constant,
    Parameter,
    Op(Application<'a>),
}

struct Node<'a> {
    value: Value<'a>,
    origin: Origin<'a>,
    needs_gradient: bool,
}

/// One forward pass, recorded for one backward pass.
pub struct Tape<'a> {
    workspace: &'a mut Workspace,
    number: u64,
    nodes: Vec<Node<'a>>,
}

impl<'a> Tape<'a> {
    /// Returns an empty tape that takes its buffers from `workspace` and leaves them there when it ends.
    #[must_use]
    pub fn new(workspace: &'a mut Workspace) -> Self {
        let number = workspace.begin();
        Self { workspace, number, nodes: Vec::new() }
    }

    /// Puts a value without a gradient on the tape: an input, or weights that are frozen.
    pub fn constant(&mut self, value: TensorRef<'a>) -> Var {
        self.push(Node { value: Value::Borrowed(value), origin: Origin::Constant, needs_gradient: false })
    }

    /// Puts a value with a gradient on the tape. [`Tape::backward`] returns the gradients in the order of these calls.
    pub fn parameter(&mut self, value: TensorRef<'a>) -> Var {
        self.push(Node { value: Value::Borrowed(value), origin: Origin::Parameter, needs_gradient: true })
    }

    /// Puts each of `tensors` on the tape by [`Tape::parameter`], in order.
    pub fn parameters<const COUNT: usize>(&mut self, tensors: &'a [Tensor; COUNT]) -> [Var; COUNT] {
        tensors.each_ref().map(|tensor| self.parameter(tensor.view()))
    }

    /// Puts a batch on the tape: the given rows of a matrix, as a constant.
    ///
    /// # Shapes
    /// `matrix` is `[M, ...]`, the constant `[rows.len(), ...]`.
    ///
    /// # Errors
    /// [`Error::Row`] if the matrix lacks a row, [`Error::InputShape`] for a scalar.
    pub fn gather(&mut self, matrix: TensorRef<'_>, rows: &[u32]) -> Result<Var, Error> {
        let shape = matrix.shape();
        let &[count, ref rest @ ..] = shape.dims() else {
            return Err(Error::InputShape {
                op: "gather",
                input: "matrix",
                expected: "[M, ...]".to_owned(),
                got: shape,
            });
        };
        if let Some(&row) = rows.iter().find(|&&row| row as usize >= count) {
            return Err(Error::Row { row, rows: count });
        }
        let width: usize = rest.iter().product();
        let mut batch = self.workspace.unset(Shape::new(&[&[rows.len()], rest].concat())?);
        if width > 0 {
            for (output, &row) in batch.data_mut().chunks_exact_mut(width).zip(rows) {
                output.copy_from_slice(&matrix.data()[row as usize * width..][..width]);
            }
        }
        Ok(self.push(Node { value: Value::Owned(batch), origin: Origin::Constant, needs_gradient: false }))
    }

    /// Runs `op` on `inputs` and records it.
    ///
    /// # Errors
    /// Those of the op's [`Op::output_shape`]; [`Error::ForeignVar`].
    pub fn apply(&mut self, op: impl Op + 'a, inputs: &[Var]) -> Result<Var, Error> {
        let inputs = inputs.iter().map(|&var| self.index(var)).collect::<Result<Vec<_>, _>>()?;
        let views: Vec<_> = inputs.iter().map(|&index| self.nodes[index].value.view()).collect();
        let shapes: Vec<_> = views.iter().map(|view| view.shape()).collect();
        let mut output = self.workspace.unset(op.output_shape(&shapes)?);
        let mut saved = Vec::new();
        op.forward(&views, output.view_mut(), &mut saved);
        let needs_gradient = inputs.iter().any(|&index| self.nodes[index].needs_gradient);
        Ok(self.push(Node {
            value: Value::Owned(output),
            origin: Origin::Op(Application { op: Box::new(op), inputs, saved }),
            needs_gradient,
        }))
    }

    /// Returns the value of a variable.
    ///
    /// # Errors
    /// [`Error::ForeignVar`].
    pub fn value(&self, var: Var) -> Result<TensorRef<'_>, Error> {
        Ok(self.nodes[self.index(var)?].value.view())
    }

    /// Returns the gradient of `loss` by each parameter, in the order in which they were recorded; zeros for one that
    /// does not lead to it.
    ///
    /// # Errors
    /// [`Error::NotScalar`] if `loss` is not one value, [`Error::ForeignVar`].
    pub fn backward(mut self, loss: Var) -> Result<Vec<Tensor>, Error> {
        let last = self.index(loss)?;
        let shape = self.nodes[last].value.view().shape();
        if shape.elements() != 1 {
            return Err(Error::NotScalar { got: shape });
        }
        let mut gradients: Vec<Option<Tensor>> = Vec::new();
        gradients.resize_with(self.nodes.len(), || None);
        if self.nodes[last].needs_gradient {
            let mut one = self.workspace.unset(shape);
            one.data_mut().fill(1.0);
            gradients[last] = Some(one);
        }
        for index in (0..=last).rev() {
            if matches!(self.nodes[index].origin, Origin::Op(_))
                && let Some(d_output) = gradients[index].take()
            {
                self.backward_through(index, &d_output, &mut gradients);
                self.workspace.recycle([d_output]);
            }
        }
        let mut result = Vec::new();
        for (node, gradient) in self.nodes.iter().zip(gradients) {
            if matches!(node.origin, Origin::Parameter) {
                result.push(gradient.unwrap_or_else(|| Tensor::zeros(node.value.view().shape())));
            }
        }
        Ok(result)
    }

    /// Adds what the op of one node contributes to the gradients of its inputs.
    fn backward_through(&mut self, index: usize, d_output: &Tensor, gradients: &mut [Option<Tensor>]) {
        let Self { workspace, nodes, .. } = self;
        let Node { value, origin: Origin::Op(Application { op, inputs, saved }), .. } = &nodes[index] else {
            return;
        };
        // An op may take one variable twice: its second occurrence finds the gradient taken, gets a buffer of its
        // own, and is added below.
        let mut d_inputs: Vec<Option<Tensor>> = Vec::with_capacity(inputs.len());
        for &input in inputs {
            let node = &nodes[input];
            d_inputs.push(node.needs_gradient.then(|| {
                gradients[input].take().unwrap_or_else(|| workspace.zeros(node.value.view().shape()))
            }));
        }
        let views: Vec<_> = inputs.iter().map(|&input| nodes[input].value.view()).collect();
        let recorded = Recorded { inputs: &views, output: value.view(), saved };
        let mut writable: Vec<Option<TensorMut<'_>>> =
            d_inputs.iter_mut().map(|gradient| gradient.as_mut().map(Tensor::view_mut)).collect();
        op.backward(&recorded, d_output.view(), &mut writable);
        for (&input, d_input) in inputs.iter().zip(d_inputs) {
            match (&mut gradients[input], d_input) {
                (Some(sum), Some(term)) => {
                    for (sum, term) in sum.data_mut().iter_mut().zip(term.data()) {
                        *sum += term;
                    }
                    workspace.recycle([term]);
                }
                (empty, Some(gradient)) => *empty = Some(gradient),
                (_, None) => {}
            }
        }
    }

    fn push(&mut self, node: Node<'a>) -> Var {
        self.nodes.push(node);
        Var { tape: self.number, index: self.nodes.len() - 1 }
    }

    fn index(&self, var: Var) -> Result<usize, Error> {
        if var.tape == self.number && var.index < self.nodes.len() {
            Ok(var.index)
        } else {
            Err(Error::ForeignVar)
        }
    }
}

impl Drop for Tape<'_> {
    fn drop(&mut self) {
        for node in self.nodes.drain(..) {
            if let Value::Owned(tensor) = node.value {
                self.workspace.recycle([tensor]);
            }
        }
        self.workspace.end();
    }
}

impl std::fmt::Debug for Tape<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows = self.nodes.iter().map(|node| {
            let name = match &node.origin {
                Origin::Constant => "constant",
                Origin::Parameter => "parameter",
                Origin::Op(application) => application.op.name(),
            };
            (name, node.value.view().shape())
        });
        f.debug_list().entries(rows).finish()
    }
}
