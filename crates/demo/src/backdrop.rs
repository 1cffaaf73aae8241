//! What stands behind a figure: a plain, shaded, cloudy or cluttered ground, whatever the figure is.

use icecap_kernels::rng::Stream;

use super::{
    color::{self, Palette, Rgb, mix},
    noise::Noise,
};

/// The ground of one photo. Points are in photo units: 0 to 1 from left to right and from top to bottom.
pub(super) struct Backdrop {
    grounds: [Rgb; 2],
    kind: Kind,
    clutter: Vec<Thing>,
}

enum Kind {
    Plain,
    /// Fades along a direction (a unit vector).
    Gradient([f32; 2]),
    /// Clouds of the given number across the photo.
    Cloudy(f32),
}

/// A piece of clutter: a plain rectangle or ellipse.
struct Thing {
    center: [f32; 2],
    half: [f32; 2],
    turn: [f32; 2],
    round: bool,
    color: Rgb,
}

impl Backdrop {
    /// A random ground in the palette's colors.
    pub(super) fn random(stream: &mut Stream, palette: &Palette) -> Self {
        let (sine, cosine) = stream.range(0.0, std::f32::consts::TAU).sin_cos();
        let kind = match stream.below(3) {
            0 => Kind::Plain,
            1 => Kind::Gradient([cosine, sine]),
            _ => Kind::Cloudy(stream.range(2.0, 7.0)),
        };
        let things = if stream.below(2) == 0 { 0 } else { 3 + stream.below(8) };
        let clutter = (0..things).map(|_| Thing::random(stream, palette.grounds)).collect();
        Self { grounds: palette.grounds, kind, clutter }
    }

    /// Returns the color at a point; `pixel` is the size of a pixel.
    pub(super) fn at(&self, point: [f32; 2], pixel: f32, noise: &Noise) -> Rgb {
        let [first, second] = self.grounds;
        let mut color = match self.kind {
            Kind::Plain => first,
            Kind::Gradient([x, y]) => {
                let along = (point[0] - 0.5) * x + (point[1] - 0.5) * y;
                mix(first, second, (along + 0.5).clamp(0.0, 1.0))
            }
            Kind::Cloudy(scale) => {
                let [x, y] = point.map(|v| v * scale);
                let cloud = 0.5 + 0.4 * noise.at(x, y) + 0.2 * noise.at(2.1 * x + 5.0, 2.1 * y + 9.0);
                mix(first, second, cloud.clamp(0.0, 1.0))
            }
        };
        for thing in &self.clutter {
            color = mix(color, thing.color, thing.cover(point, pixel));
        }
        color
    }
}

impl Thing {
    fn random(stream: &mut Stream, grounds: [Rgb; 2]) -> Self {
        let (sine, cosine) = stream.range(0.0, std::f32::consts::TAU).sin_cos();
        // Halfway to the ground's own colors: clutter should stand back behind the figure.
        let ground = grounds[stream.below(2) as usize];
        Self {
            center: [stream.uniform(), stream.uniform()],
            half: [stream.range(0.03, 0.2), stream.range(0.03, 0.2)],
            turn: [cosine, sine],
            round: stream.below(2) == 0,
            color: mix(ground, color::random(stream), 0.5),
        }
    }

    /// Returns how much of the pixel at a point is covered, 0 to 1.
    fn cover(&self, point: [f32; 2], pixel: f32) -> f32 {
        let (x, y) = (point[0] - self.center[0], point[1] - self.center[1]);
        let reach = self.half[0] + self.half[1] + pixel;
        if x.abs().max(y.abs()) > reach {
            return 0.0;
        }
        let [cosine, sine] = self.turn;
        let (u, v) = (x * cosine + y * sine, y * cosine - x * sine);
        let [a, b] = self.half;
        let outside =
            if self.round { ((u / a).hypot(v / b) - 1.0) * a.min(b) } else { (u.abs() - a).max(v.abs() - b) };
        (0.5 - outside / pixel).clamp(0.0, 1.0)
    }
}
