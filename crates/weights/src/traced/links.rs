//! Who reads what: the steps from which an output follows, and for each the steps that read it.

use super::step::Step;

/// The readers of each step's output. Steps that no output needs read nothing.
#[derive(Debug)]
pub(crate) struct Links {
    readers: Vec<Vec<usize>>,
}

impl Links {
    /// Finds the readers among the steps that `outputs` follow from; among all steps if there are no outputs.
    pub(crate) fn new(steps: &[Step<'_>], outputs: &[usize]) -> Self {
        let mut needed = vec![outputs.is_empty(); steps.len()];
        for &output in outputs {
            needed[output] = true;
        }
        // A step reads only steps before it.
        for (index, step) in steps.iter().enumerate().rev() {
            if needed[index] {
                step.inputs.iter().for_each(|&input| needed[input] = true);
            }
        }
        let mut readers = vec![Vec::new(); steps.len()];
        for (index, step) in steps.iter().enumerate().filter(|(index, _)| needed[*index]) {
            for &input in &step.inputs {
                if readers[input].last() != Some(&index) {
                    readers[input].push(index);
                }
            }
        }
        Self { readers }
    }

    /// The steps that read the output of `step`, in their order.
    pub(crate) fn readers(&self, step: usize) -> &[usize] {
        &self.readers[step]
    }

    /// The one step that reads the output of `step`; `None` if none does, or several do.
    pub(crate) fn only(&self, step: usize) -> Option<usize> {
        match self.readers[step][..] {
            [reader] => Some(reader),
            _ => None,
        }
    }
}
