//! A tail as it is, without training it.

use crate::{
    error::Error,
    forward::{Memory, forward},
    group::{GROUP, Group},
    scratch::Scratch,
    tail::Tail,
    work::Compute,
};

impl Tail {
    /// Computes the pooled features of rows at the tap, group by group, with memory of its own.
    ///
    /// # Shapes
    /// `rows` N times [`input_shape`](Self::input_shape), `pooled` [N, features].
    ///
    /// # Errors
    /// [`Error::Rows`] if `rows` is not a whole number of rows, [`Error::Batch`] if `pooled` is not as many.
    pub fn forward(&self, compute: Compute<'_>, rows: &[f32], pooled: &mut [f32]) -> Result<(), Error> {
        let photos = self.photos(rows)?;
        let expected = photos * self.features();
        if pooled.len() != expected {
            return Err(Error::Batch { expected, got: pooled.len() });
        }
        let row = self.input_shape().elements();
        let mut groups: Vec<Group> = Vec::new();
        let mut scratch: Vec<Scratch> = Vec::new();
        scratch.resize_with(compute.threads.count(), Scratch::default);
        // As many groups at once as there are threads: enough to share, and no more memory than that.
        let most = GROUP * compute.threads.count();
        for (rows, pooled) in rows.chunks(most * row).zip(pooled.chunks_mut(most * self.features())) {
            self.regroup(&mut groups, rows.len() / row);
            let memory = Memory { groups: &mut groups, scratch: &mut scratch, passed: &mut |_| () };
            compute.threads.enter(|| forward(self, compute, memory, rows, pooled));
        }
        Ok(())
    }
}
