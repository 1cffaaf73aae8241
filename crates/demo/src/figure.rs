//! The figures of the sample set: each class has an outline and a texture of its own.
//!
//! A figure lives in its own units: centered at the origin, about 1 from there to the rim. Its outline is a signed
//! distance (negative inside), its texture a weight between two inks. Both are told the size of a pixel in these
//! units and fade over one pixel at an edge, which is all the antialiasing that flat colors need.

use std::f32::consts::{FRAC_PI_3, PI, TAU};

use icecap_kernels::rng::Stream;

use super::noise::Noise;

/// The names of the classes, in the order of their indices.
pub(super) const NAMES: [&str; 5] = ["ball", "honeycomb", "lollipop", "star", "wall"];

/// One figure, with its proportions.
pub(super) enum Figure {
    /// A disc, striped around an axis like a ball: `axis` is a unit vector, its last part towards the viewer.
    Ball { axis: [f32; 3], bands: f32 },
    /// A hexagon of hexagonal cells, `cells` of them across.
    Honeycomb { cells: f32, wall: f32 },
    /// A disc with a spiral of `arms` arms and `turns` turns, on a stick.
    Lollipop { arms: f32, turns: f32 },
    /// A star whose points each have a bright and a dark side.
    Star { points: f32, waist: f32 },
    /// Bricks in courses, each laid half a brick further.
    Wall { courses: f32, mortar: f32 },
}

impl Figure {
    /// The figure of a class with random proportions.
    pub(super) fn random(stream: &mut Stream, class: usize) -> Self {
        let mut count = |low: u32, high: u32| (low + stream.below(high - low + 1)) as f32;
        match NAMES[class] {
            "ball" => {
                let bands = count(3, 4);
                let (sine, cosine) = stream.range(0.3, 0.9).sin_cos();
                // The pole in sight is the upper or the lower one.
                let cosine = if stream.below(2) == 0 { cosine } else { -cosine };
                Self::Ball { axis: [0.0, cosine, sine], bands }
            }
            "honeycomb" => Self::Honeycomb { cells: count(3, 4), wall: stream.range(0.1, 0.2) },
            "lollipop" => {
                let arms = count(2, 3) * if stream.below(2) == 0 { 1.0 } else { -1.0 };
                Self::Lollipop { arms, turns: stream.range(1.6, 2.6) }
            }
            "star" => Self::Star { points: count(5, 8), waist: stream.range(0.35, 0.5) },
            "wall" => Self::Wall { courses: count(4, 6), mortar: stream.range(0.1, 0.18) },
            name => unreachable!("no figure is called {name}"),
        }
    }

    /// Returns the distance from a point to the outline, negative inside.
    pub(super) fn distance(&self, [x, y]: [f32; 2]) -> f32 {
        match *self {
            Self::Ball { .. } => x.hypot(y) - 1.0,
            Self::Honeycomb { .. } => hexagon(x, y) - 0.93,
            Self::Lollipop { .. } => {
                let (candy, stick) = (x.hypot(y + 0.3) - 0.75, (x.abs() - 0.06).max((y - 0.7).abs() - 0.6));
                candy.min(stick)
            }
            Self::Star { points, waist } => star(x, y, points, waist).0,
            Self::Wall { .. } => (x.abs() - 1.05).max(y.abs() - 0.8),
        }
    }

    /// Returns how brightly a point inside is lit, about 1 on the whole; `light` is a unit vector towards the light.
    pub(super) fn relief(&self, [x, y]: [f32; 2], light: [f32; 2]) -> f32 {
        match *self {
            Self::Ball { .. } => {
                let depth = (1.0 - x * x - y * y).max(0.0).sqrt();
                let facing = 0.75 * depth + 0.66 * (x * light[0] + y * light[1]);
                0.78 + 0.4 * facing + 0.5 * facing.max(0.0).powi(24)
            }
            _ => 1.0,
        }
    }

    /// Returns the weight of the second ink at a point inside, 0 to 1; `pixel` is the size of a pixel.
    pub(super) fn texture(&self, [x, y]: [f32; 2], pixel: f32, noise: &Noise) -> f32 {
        match *self {
            Self::Ball { axis, bands } => {
                let depth = (1.0 - x * x - y * y).max(0.0025).sqrt();
                let along = axis[0] * x + axis[1] * y + axis[2] * depth;
                // The sphere turns away at its rim, where a pixel spans more of the pattern.
                let slope = [(axis[0], x), (axis[1], y)].map(|(a, v)| a - axis[2] * v / depth);
                let slope = slope[0].hypot(slope[1]);
                stripes(along * bands / 2.0, pixel * slope * bands / 2.0)
            }
            Self::Honeycomb { cells, wall } => {
                let scale = cells / 1.86;
                let edge = honeycomb(x * scale, y * scale);
                (0.5 + (wall - edge) / (pixel * scale)).clamp(0.0, 1.0)
            }
            Self::Lollipop { arms, turns } => {
                let y = y + 0.3;
                let radius = x.hypot(y).max(0.02) / 0.75;
                let phase = y.atan2(x) / TAU * arms + radius * turns;
                let slope = turns.hypot(arms / (TAU * radius)) / 0.75;
                // The stick, outside the candy, has the second ink.
                if radius > 1.0 && y > 0.7 { 1.0 } else { stripes(phase, pixel * slope) }
            }
            Self::Star { points, waist } => {
                let side = star(x, y, points, waist).1;
                (0.5 + side / pixel).clamp(0.0, 1.0)
            }
            Self::Wall { courses, mortar } => bricks([x, y], courses, mortar, pixel, noise),
        }
    }
}

/// Stripes of equal width, two a unit; `step` is how far the next pixel is.
fn stripes(phase: f32, step: f32) -> f32 {
    let edge = 0.25 - (phase - phase.floor() - 0.5).abs();
    (0.5 + edge / step.max(1e-6)).clamp(0.0, 1.0)
}

/// Returns how far a point is from the middle of a hexagon, towards its nearest side.
fn hexagon(x: f32, y: f32) -> f32 {
    let (x, y) = (x.abs(), y.abs());
    x.max(0.5 * x + FRAC_PI_3.sin() * y)
}

/// Returns the distance to the nearest wall between hexagonal cells one unit wide.
fn honeycomb(x: f32, y: f32) -> f32 {
    // The centers form two interleaved rectangular lattices; a point belongs to the nearer center.
    let height = 2.0 * FRAC_PI_3.sin();
    let nearest = |dx: f32, dy: f32| {
        let (u, v) = (x - dx, y - dy);
        hexagon(u - u.round(), v - (v / height).round() * height)
    };
    0.5 - nearest(0.0, 0.0).min(nearest(0.5, height / 2.0))
}

/// Returns the distance to a star's outline, and to the ridge along the middle of its nearest point or notch.
fn star(x: f32, y: f32, points: f32, waist: f32) -> (f32, f32) {
    let sector = TAU / points;
    let angle = y.atan2(x) / sector;
    let turn = (angle - angle.round()) * sector;
    let (sine, cosine) = turn.sin_cos();
    let radius = x.hypot(y);
    let (u, v) = (radius * cosine, radius * sine);
    // The straight edge from the tip at (1, 0) to the notch.
    let (sine, cosine) = (PI / points).sin_cos();
    let (notch_u, notch_v) = (waist * cosine, waist * sine);
    let length = (1.0 - notch_u).hypot(notch_v);
    let outside = ((u - 1.0) * notch_v + v.abs() * (1.0 - notch_u)) / length;
    let to_notch = radius * (PI / points - turn.abs()).sin();
    (outside, v.signum() * v.abs().min(to_notch))
}

/// Returns the weight of the second ink, which bricks have, each a little otherwise; the joints have the first.
fn bricks([x, y]: [f32; 2], courses: f32, mortar: f32, pixel: f32, noise: &Noise) -> f32 {
    let scale = courses / 1.6;
    let course = ((y + 0.8) * scale).floor();
    let up = (y + 0.8) * scale - course;
    let along = (x + 1.05) * scale / 2.2 + 0.5 * (course % 2.0);
    let brick = along.floor();
    let to_joint = (0.5 - (along - brick - 0.5).abs()) * 2.2;
    let to_bed = 0.5 - (up - 0.5).abs();
    let inside = 0.5 + (to_joint.min(to_bed) - mortar / 2.0) / (pixel * scale);
    inside.clamp(0.0, 1.0) * (0.85 + 0.15 * noise.cell(brick, course))
}
