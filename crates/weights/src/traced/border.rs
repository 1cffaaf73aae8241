//! Which rule of padding the convolutions of a graph follow, told by the zeros that they add.
//!
//! Where the zeros are (0, 1) it is TensorFlow's rule, which puts the odd one last; (1, 1) at stride 2 is PyTorch's if
//! the side is even. On odd sides both rules give the same, so all convolutions are asked. A net of Keras that was built for
//! no size has (0, 1) whatever the side, but for its first convolution.

use icecap_graph::Padding;

use super::step::{Border, Conv, Pads};

/// The rules that the convolutions so far leave possible.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PaddingVote {
    same: bool,
    symmetric: bool,
    trailing: bool,
    /// Whether an image of unknown sides was padded by fixed amounts.
    blind: bool,
    /// Whether an image of known sides was padded by TensorFlow's rule, by its name.
    named: bool,
}

impl PaddingVote {
    pub(crate) fn new() -> Self {
        Self { same: true, symmetric: true, trailing: true, blind: false, named: false }
    }

    /// Takes what a convolution of 3x3 says, which reads an image of `size` (rows, columns) behind `zeros` of its own.
    /// `stem` says whether it is the net's first. Returns the size of what it gives, if that of the image is known.
    ///
    /// # Errors
    /// A sentence if no rule adds such zeros.
    pub(crate) fn hear(
        &mut self,
        conv: &Conv<'_>,
        zeros: Option<Pads>,
        size: Option<[usize; 2]>,
        stem: bool,
    ) -> Result<Option<[usize; 2]>, String> {
        let stride = conv.strides[0];
        let pads = match (conv.border, zeros, size) {
            (Border::Zeros(own), None, _) => own,
            (Border::Zeros(own), Some(before), _) if own == Pads::default() => before,
            // Other rules may give the same here, and whoever writes a graph takes this one where they do.
            (Border::Same, None, Some([rows, columns])) => {
                self.named = true;
                let [(top, bottom), (left, right)] =
                    [rows, columns].map(|side| Padding::Same.amounts(side, stride));
                Pads { top, left, bottom, right }
            }
            (Border::Same, None, None) => {
                self.symmetric &= stride == 1;
                self.trailing &= stride == 1 || stem;
                self.one_is_left()?;
                return Ok(None);
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
            self.trailing &= rule(if stem { Padding::Same } else { Padding::Trailing });
        }
        self.blind |= size.is_none();
        self.one_is_left().map_err(|rule| {
            let Pads { top, left, bottom, right } = pads;
            format!("it adds {top} zeros above, {bottom} below, {left} left, {right} right; {rule}")
        })?;
        let sides = [pads.top + pads.bottom, pads.left + pads.right];
        let given = |side: usize, zeros: usize| (side + zeros).checked_sub(3).map(|rest| rest / stride + 1);
        Ok(size.and_then(|[rows, columns]| Some([given(rows, sides[0])?, given(columns, sides[1])?])))
    }

    fn one_is_left(self) -> Result<(), String> {
        if self.same || self.symmetric || self.trailing {
            return Ok(());
        }
        Err("TensorFlow's 'same' and PyTorch's one on each side are read, the same rule in all convolutions"
            .to_owned())
    }

    /// The rule; `usual` where the image's sides do not tell the two apart.
    pub(crate) fn padding(self, usual: Padding) -> Padding {
        match (self.same, self.symmetric, self.trailing) {
            (true, ..) if self.named => Padding::Same,
            // On even sides the same; zeros that do not follow the side are fixed.
            (true, false, true) if self.blind => Padding::Trailing,
            (true, false, _) => Padding::Same,
            (false, true, _) => Padding::Symmetric,
            (false, false, _) => Padding::Trailing,
            (true, true, _) => usual,
        }
    }

    /// Whether both rules give what the graph does.
    pub(crate) fn is_open(self) -> bool {
        self.same && self.symmetric && !self.named
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::super::constant::{Constant, Stored};
    use super::super::step::KernelOrder;
    use super::*;

    fn conv(stride: usize, border: Border) -> Conv<'static> {
        let kernel = Constant::new(vec![2, 1, 3, 3], Stored::F32, Cow::Owned(vec![0; 72]), 0).unwrap();
        Conv {
            kernel: kernel.into(),
            order: KernelOrder::OutInRowsColumns,
            bias: None,
            strides: [stride; 2],
            dilations: [1; 2],
            groups: 2,
            border,
        }
    }

    fn zeros(before: usize, behind: usize) -> Border {
        Border::Zeros(Pads { top: before, left: before, bottom: behind, right: behind })
    }

    #[test]
    fn zeros_tell_the_rule_and_what_fits_none_is_refused() {
        let hear = |all: &[(Border, usize)], size: Option<usize>| {
            let mut vote = PaddingVote::new();
            let mut side = size.map(|side| [side; 2]);
            for (index, (border, stride)) in all.iter().enumerate() {
                side = vote.hear(&conv(*stride, *border), None, side, index == 0)?;
            }
            Ok::<_, String>((vote.padding(Padding::Symmetric), vote.is_open(), side.map(|side| side[0])))
        };
        let (one, last, same) = (zeros(1, 1), zeros(0, 1), Border::Same);
        assert_eq!(hear(&[(last, 2), (one, 1), (last, 2)], Some(96)), Ok((Padding::Same, false, Some(24))));
        assert_eq!(hear(&[(one, 2), (one, 1)], Some(96)), Ok((Padding::Symmetric, false, Some(48))));
        assert_eq!(hear(&[(one, 2), (one, 2)], Some(97)), Ok((Padding::Symmetric, true, Some(25))));
        assert_eq!(hear(&[(same, 2), (same, 2)], Some(97)), Ok((Padding::Same, false, Some(25))));
        // 97 and 49 are odd: zeros behind alone are those of a net for no size.
        assert_eq!(hear(&[(one, 2), (last, 2)], Some(97)), Ok((Padding::Trailing, false, Some(24))));
        assert_eq!(hear(&[(same, 2), (last, 2)], None), Ok((Padding::Trailing, false, None)));
        assert_eq!(hear(&[(one, 2), (one, 1)], None), Ok((Padding::Symmetric, false, None)));
        // By its name where it gives what another rule does: 7 is odd, 12 is even.
        let of_7 = [(one, 2), (one, 2), (same, 2)];
        assert_eq!(hear(&of_7, Some(28)), Ok((Padding::Symmetric, false, Some(4))));
        assert_eq!(
            hear(&[(same, 2), (last, 2), (same, 2)], Some(50)),
            Ok((Padding::Trailing, false, Some(6)))
        );
        assert!(hear(&[(one, 2), (same, 2)], Some(96)).is_err());
        assert!(hear(&[(zeros(1, 0), 2)], Some(96)).is_err() && hear(&[(zeros(0, 0), 1)], None).is_err());
        assert!(hear(&[(one, 2), (last, 2)], Some(96)).is_err());
    }
}
