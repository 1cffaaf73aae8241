//! PNGs of the kinds that encoders for photos do not write: palettes, few bits, interlaced, with chunks of any content.

/// A PNG before it is bytes.
pub(crate) struct Png {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) bits: u8,
    /// 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGB and alpha.
    pub(crate) color: u8,
    pub(crate) interlaced: bool,
    /// Chunks between the header and the pixels.
    pub(crate) chunks: Vec<([u8; 4], Vec<u8>)>,
}

/// The starts and steps of Adam7's passes: x, y, step of x, step of y.
const ADAM7: [[u32; 4]; 7] =
    [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];

impl Png {
    pub(crate) fn new(width: u32, height: u32, bits: u8, color: u8) -> Self {
        Self { width, height, bits, color, interlaced: false, chunks: Vec::new() }
    }

    pub(crate) fn interlaced(mut self) -> Self {
        self.interlaced = true;
        self
    }

    pub(crate) fn chunk(mut self, name: &[u8; 4], content: Vec<u8>) -> Self {
        self.chunks.push((*name, content));
        self
    }

    /// The file, with the samples of pixel (x, y) as `pixel` gives them, one for each channel.
    pub(crate) fn file(&self, pixel: impl Fn(u32, u32) -> Vec<u16>) -> Vec<u8> {
        let mut lines = Vec::new();
        let passes: &[[u32; 4]] = if self.interlaced { &ADAM7 } else { &[[0, 0, 1, 1]] };
        for &[left, top, across, down] in passes {
            for y in (top..self.height).step_by(down as usize) {
                let xs: Vec<u32> = (left..self.width).step_by(across as usize).collect();
                if !xs.is_empty() {
                    lines.push(0);
                    lines.extend(self.packed(xs.into_iter().flat_map(|x| pixel(x, y))));
                }
            }
        }
        self.around(&zlib(&lines))
    }

    /// The file with these bytes as its compressed pixels.
    pub(crate) fn around(&self, compressed: &[u8]) -> Vec<u8> {
        let mut header = self.width.to_be_bytes().to_vec();
        header.extend(self.height.to_be_bytes());
        header.extend([self.bits, self.color, 0, 0, u8::from(self.interlaced)]);
        let mut file = b"\x89PNG\r\n\x1A\n".to_vec();
        file.extend(chunk(b"IHDR", &header));
        for (name, content) in &self.chunks {
            file.extend(chunk(name, content));
        }
        file.extend(chunk(b"IDAT", compressed));
        file.extend(chunk(b"IEND", b""));
        file
    }

    /// Samples of a line, the first in the highest bits.
    fn packed(&self, samples: impl Iterator<Item = u16>) -> Vec<u8> {
        if self.bits == 16 {
            return samples.flat_map(u16::to_be_bytes).collect();
        }
        let mut bytes = Vec::new();
        let mut free = 0;
        for sample in samples {
            if free == 0 {
                bytes.push(0u8);
                free = 8;
            }
            free -= self.bits;
            *bytes.last_mut().unwrap() |= (sample as u8) << free;
        }
        bytes
    }
}

fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut out = (content.len() as u32).to_be_bytes().to_vec();
    out.extend(name);
    out.extend(content);
    let sum = !out[4..].iter().fold(!0u32, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg()))
    });
    out.extend(sum.to_be_bytes());
    out
}

/// A zlib stream that stores its content as it is.
fn zlib(content: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let mut blocks = content.chunks(0xFFFF).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        out.push(u8::from(blocks.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    let (a, b) = content.iter().fold((1u32, 0u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    out.extend(((b << 16) | a).to_be_bytes());
    out
}
