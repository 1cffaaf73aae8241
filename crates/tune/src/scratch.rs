//! What a thread scribbles in while it goes through some channels of a block.

use icecap_kernels::Buffer;

use crate::group::Tall;

/// Some blocks of channels of a group, without zeros around its photos and with them.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// A product before it is put where it has zeros around it.
    pub(crate) product: Compact,
    /// What a depthwise convolution reads.
    pub(crate) expanded: Padded,
    /// The gradient of what it gives.
    pub(crate) d_filtered: Padded,
}

/// Room for photos without zeros around them.
#[derive(Debug, Default)]
pub(crate) struct Compact(Buffer);

impl Compact {
    /// Room for so many blocks, with any values in it.
    pub(crate) fn blocks(&mut self, tall: Tall, blocks: usize) -> &mut [f32] {
        grown(&mut self.0, blocks * tall.block_len())
    }
}

/// Room for photos with zeros around them, which stay in place as long as images of one size are put there.
#[derive(Debug, Default)]
pub(crate) struct Padded {
    buffer: Buffer,
    /// The images whose zeros are in place.
    cleared: Option<Tall>,
}

impl Padded {
    /// The images of `compact`, whole blocks of channels, with the zeros of `tall` around each photo.
    pub(crate) fn place(&mut self, tall: Tall, compact: &[f32], blocks: usize) -> &[f32] {
        if self.cleared != Some(tall) {
            self.buffer.fill(0.0);
            self.cleared = Some(tall);
        }
        let image = grown(&mut self.buffer, blocks * tall.block_len());
        tall.place(compact, image);
        image
    }
}

/// The first `len` values of a buffer, which is replaced by a larger one of zeros if it has fewer.
fn grown(buffer: &mut Buffer, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        *buffer = Buffer::zeros(len);
    }
    &mut buffer[..len]
}
