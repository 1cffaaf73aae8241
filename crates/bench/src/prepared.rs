//! A case made ready to run.

use icecap_kernels::Isa;

use crate::gradient_job::GradientJob;
use crate::integer_job::IntegerJob;
use crate::jpeg_job::JpegJob;
use crate::real_job::RealJob;
use crate::shape::Shape;

/// A case that is ready to run, on one thread: its inputs, its packed weights, memory for its output, and the answer of
/// the oracle.
#[derive(Debug)]
pub struct Prepared(Job);

#[derive(Debug)]
enum Job {
    Real(RealJob),
    Gradient(GradientJob),
    Jpeg(JpegJob),
    Integer(IntegerJob),
}

impl Prepared {
    /// Draws the inputs of an operation and computes the answer with the oracle.
    pub(crate) fn draw(shape: Shape) -> Self {
        Self(match shape {
            Shape::Real(shape) => Job::Real(RealJob::draw(shape)),
            Shape::Gradient(shape) => Job::Gradient(GradientJob::draw(shape)),
            Shape::Jpeg(shape) => Job::Jpeg(JpegJob::draw(shape)),
            Shape::Integer(shape) => Job::Integer(IntegerJob::draw(shape)),
        })
    }

    /// Runs the operation once, with the kernels that `isa` selects.
    pub fn run(&mut self, isa: Isa) {
        match &mut self.0 {
            Job::Real(job) => job.run(isa),
            Job::Gradient(job) => job.run(isa),
            Job::Jpeg(job) => job.run(isa),
            Job::Integer(job) => job.run(isa),
        }
    }

    /// Runs the operation into memory full of other values and compares the result with the oracle's answer: a kernel that
    /// is wrong has no speed. `name` is for the message.
    ///
    /// # Panics
    /// If they differ: in f32 and in a JPEG's samples by more than rounding explains, in integers by anything.
    pub fn check(&mut self, name: &str, isa: Isa) {
        match &mut self.0 {
            Job::Real(job) => job.check(name, isa),
            Job::Gradient(job) => job.check(name, isa),
            Job::Jpeg(job) => job.check(name, isa),
            Job::Integer(job) => job.check(name, isa),
        }
    }
}
