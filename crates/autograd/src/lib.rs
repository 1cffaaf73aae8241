//! Training for a small head: a tape over pooling, dropout and dense, losses, optimizers, schedules.
//!
//! A training step is a forward pass recorded on a [`Tape`], its walk backwards, and an [`Optimizer`]'s move along
//! the gradients. Values are plain tensors that the caller owns: a tape borrows the parameters for one step, the
//! optimizer changes them between two. Everything runs on the caller's thread with sums in a fixed order, and every
//! random number is a pure function of (seed, epoch, sample): the same seed gives the same bits.
//!
//! ```
//! use icecap_autograd::{CrossEntropy, Dense, Dropout, Loss, Optimizer, Schedule, Tape, Workspace};
//! use icecap_autograd::{glorot_uniform, optim::Adam};
//! use icecap_kernels::rng::{Purpose, Stream};
//! use icecap_kernels::{Shape, Tensor};
//!
//! // Two hundred samples with eight features; the class is which half of them has the larger sum.
//! let (seed, samples) = (0, 200_u32);
//! let mut draw = Stream::new(seed, Purpose::Test, 0, 0);
//! let values: Vec<f32> = (0..8 * samples).map(|_| draw.range(-1.0, 1.0)).collect();
//! let sum = |half: &[f32]| half.iter().sum::<f32>();
//! let labels: Vec<u32> = values.chunks(8).map(|row| u32::from(sum(&row[4..]) > sum(&row[..4]))).collect();
//! let features = Tensor::from_slice(Shape::of([samples as usize, 8]), &values)?;
//!
//! let mut head = [glorot_uniform(8, 1, seed, 0)?, Tensor::zeros(Shape::of([1]))];
//! let mut optimizer = Adam::default();
//! let (batch, epochs) = (32, 20);
//! let schedule = Schedule::Cosine { steps: u64::from(samples.div_ceil(batch) * epochs) };
//! let mut workspace = Workspace::new();
//! let (mut losses, mut step) = (Vec::new(), 0);
//! for epoch in 0..epochs {
//!     let mut order: Vec<u32> = (0..samples).collect();
//!     Stream::new(seed, Purpose::Shuffle, epoch, 0).shuffle(&mut order);
//!     for rows in order.chunks(batch as usize) {
//!         let labels: Vec<u32> = rows.iter().map(|&row| labels[row as usize]).collect();
//!         let mut tape = Tape::new(&mut workspace);
//!         let [kernel, bias] = tape.parameters(&head);
//!         let pooled = tape.gather(features.view(), rows)?;
//!         let dropped = tape.apply(Dropout::training(0.2, seed, epoch, rows)?, &[pooled])?;
//!         let logits = tape.apply(Dense, &[dropped, kernel, bias])?;
//!         let loss = tape.apply(CrossEntropy::new(Loss::Binary, &labels), &[logits])?;
//!         losses.push(tape.value(loss)?.data()[0]);
//!         let gradients = tape.backward(loss)?;
//!         optimizer.step(&mut head, &gradients, schedule.learning_rate(0.1, step))?;
//!         workspace.recycle(gradients);
//!         step += 1;
//!     }
//! }
//!
//! // Evaluation: no dropout, no backward pass.
//! let mut tape = Tape::new(&mut workspace);
//! let [kernel, bias] = tape.parameters(&head);
//! let input = tape.constant(features.view());
//! let logits = tape.apply(Dense, &[input, kernel, bias])?;
//! assert!(Loss::Binary.mean(tape.value(logits)?, &labels)? < 0.5 * losses[0]);
//! # Ok::<(), icecap_autograd::Error>(())
//! ```
//!
//! New ops implement [`Op`], a pair of a forward and a backward function; [`gradcheck`] holds them to their formula.
#![forbid(unsafe_code)]

mod error;
mod evaluation;
pub mod gradcheck;
mod init;
mod logistic;
mod logistic_options;
mod loss;
mod ops;
pub mod optim;
mod schedule;
mod setting;
mod tape;
mod workspace;

pub use error::Error;
pub use init::glorot_uniform;
pub use logistic::Logistic;
pub use logistic_options::LogisticOptions;
pub use loss::{CrossEntropy, Loss, Targets};
pub use ops::{Dense, Dropout, GlobalAveragePool, L2Penalty, Op, Recorded, Relu};
pub use optim::Optimizer;
pub use schedule::Schedule;
pub use tape::{Tape, Var};
pub use workspace::Workspace;
