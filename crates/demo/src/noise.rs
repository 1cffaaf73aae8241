//! Value noise: random numbers on a grid of whole coordinates, joined smoothly.

use icecap_kernels::rng::Stream;

/// Grid points a side; the noise repeats after as many units.
const PERIOD: usize = 16;

/// A field of smooth random values from -1 to 1 that vary over about one unit.
pub(super) struct Noise {
    grid: [f32; PERIOD * PERIOD],
}

impl Noise {
    /// A random field.
    pub(super) fn random(stream: &mut Stream) -> Self {
        Self { grid: std::array::from_fn(|_| stream.range(-1.0, 1.0)) }
    }

    /// Returns the value at a grid point; for things counted rather than placed, such as bricks.
    pub(super) fn cell(&self, x: f32, y: f32) -> f32 {
        let wrap = |v: f32| (v as i32).rem_euclid(PERIOD as i32) as usize;
        self.grid[wrap(y) * PERIOD + wrap(x)]
    }

    /// Returns the value at a point, with slopes that join without a crease.
    pub(super) fn at(&self, x: f32, y: f32) -> f32 {
        let (left, top) = (x.floor(), y.floor());
        let ease = |t: f32| t * t * (3.0 - 2.0 * t);
        let (s, t) = (ease(x - left), ease(y - top));
        let row = |y| {
            let (a, b) = (self.cell(left, y), self.cell(left + 1.0, y));
            a + (b - a) * s
        };
        let (upper, lower) = (row(top), row(top + 1.0));
        upper + (lower - upper) * t
    }
}
