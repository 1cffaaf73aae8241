//! Which rule of padding the convolutions of a graph follow, told by the zeros that they add.
//!
//! Where the zeros are (0, 1) it is TensorFlow's rule, which puts the odd one last; (1, 1) at stride 2 is PyTorch's if
//! the side is even. On odd sides both rules give the same, so all convolutions are asked.

use icecap_graph::Padding;

use super::step::{Border, Conv, Pads};

/// The rules that the convolutions so far leave possible.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PaddingVote {
    same: bool,
    symmetric: bool,
}

impl PaddingVote {
    pub(crate) fn new() -> Self {
        Self { same: true, symmetric: true }
    }

    /// Takes what a convolution of 3x3 says, which reads an image of `size` (rows, columns) behind `zeros` of its own.
    ///
    /// # Errors
    /// A sentence if no rule adds such zeros.
    pub(crate) fn hear(
        &mut self,
        conv: &Conv<'_>,
        zeros: Option<Pads>,
        size: Option<[usize; 2]>,
    ) -> Result<(), String> {
        let stride = conv.strides[0];
        let pads = match (conv.border, zeros) {
            (Border::Zeros(own), None) => own,
            (Border::Zeros(own), Some(before)) if own == Pads::default() => before,
            (Border::Same, None) => {
                self.symmetric &= stride == 1;
                return self.one_is_left();
            }
            _ => return Err("it pads an image that is padded already".to_owned()),
        };
        for (axis, amounts) in [(pads.top, pads.bottom), (pads.left, pads.right)].into_iter().enumerate() {
            let side = size.map(|size| size[axis]);
            let rule = |padding: Padding| match (side, stride) {
                (Some(side), _) => padding.amounts(side, stride) == amounts,
                (None, 1) => amounts == (1, 1),
                // Of sides that are not stated the even ones are meant.
                (None, _) => padding.amounts(32, stride) == amounts,
            };
            self.same &= rule(Padding::Same);
            self.symmetric &= rule(Padding::Symmetric);
        }
        let told = || {
            format!(
                "it adds {} zeros above, {} below, {} left, {} right",
                pads.top, pads.bottom, pads.left, pads.right
            )
        };
        self.one_is_left().map_err(|rule| format!("{}; {rule}", told()))
    }

    fn one_is_left(self) -> Result<(), String> {
        if self.same || self.symmetric {
            return Ok(());
        }
        Err("TensorFlow's 'same' and PyTorch's one on each side are read, the same rule in all convolutions"
            .to_owned())
    }

    /// The rule; `usual` where the image's sides do not tell the two apart.
    pub(crate) fn padding(self, usual: Padding) -> Padding {
        match (self.same, self.symmetric) {
            (true, false) => Padding::Same,
            (false, true) => Padding::Symmetric,
            _ => usual,
        }
    }

    /// Whether both rules give what the graph does.
    pub(crate) fn is_open(self) -> bool {
        self.same && self.symmetric
    }
}
