//! Cases that are drawn: so many of each kernel as `ICECAP_KERNEL_CASES` says; without it, 300.

use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{ConvGeometry, Pads, Size};

use crate::arrays::{SEED, Values};
use crate::subject::Subject;

pub(crate) fn cases() -> usize {
    std::env::var("ICECAP_KERNEL_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(300)
}

/// Numbers for one case.
pub(crate) struct Draw<'a>(pub(crate) &'a mut Stream);

impl Draw<'_> {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.below(end as u32) as usize
    }

    /// From 1 to `most`, small ones as often as large ones.
    pub(crate) fn size(&mut self, most: usize) -> usize {
        let top = [4, 16, 40, most][self.below(4)].min(most);
        1 + self.below(top)
    }

    pub(crate) fn chance(&mut self) -> bool {
        self.below(2) == 1
    }

    pub(crate) fn values(&mut self) -> Values {
        if self.chance() { Values::Integers } else { Values::Reals }
    }

    pub(crate) fn image(&mut self, most: usize) -> Size {
        Size { height: self.size(most), width: self.size(most) }
    }

    /// A depthwise convolution's sizes.
    pub(crate) fn geometry(&mut self, stride: usize, sides: (usize, usize)) -> ConvGeometry {
        loop {
            let pads =
                Pads { top: self.below(2), bottom: self.below(2), left: self.below(2), right: self.below(2) };
            let (height, width) = (self.size(sides.0), self.size(sides.1));
            if let Ok(geometry) = ConvGeometry::new(height, width, stride, pads) {
                return geometry;
            }
        }
    }
}

/// Calls `check` for every subject with each of its cases.
pub(crate) fn each(rows: &[Subject], seed: u64, check: impl Fn(&mut Draw<'_>, &Subject)) {
    for (index, row) in rows.iter().enumerate() {
        // A kernel of many channels takes no part in cases of few.
        for case in 0..20 * cases() {
            if row.computed().is_none_or(|computed| computed >= cases()) {
                break;
            }
            let mut stream = Stream::new(SEED + seed, Purpose::Test, index as u32, case as u32);
            check(&mut Draw(&mut stream), row);
        }
    }
}
