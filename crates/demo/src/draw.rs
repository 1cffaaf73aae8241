//! Photos of a small world, drawn by code: the sample set that `icecap demo` trains on.
//!
//! A photo shows one figure of its class before a backdrop, with a shadow, uneven light and sensor noise. Place,
//! size, turn, colors, backdrop and noise are random and independent of the class, so that only shape and
//! fine texture tell what it is: neither the mean color nor a thumbnail of 8x8 pixels does (`separability` checks).
//!
//! # Units
//! A photo is 1 wide and 1 high, whatever its pixels; drawn larger it is the same photo but for the noise.

use icecap_kernels::rng::{Purpose, Stream};

use super::{
    backdrop::Backdrop,
    color::{Palette, Rgb, mix},
    figure::{Figure, NAMES},
    noise::Noise,
};

/// The names of the classes of the sample set, in the order of their indices, which is the alphabet's.
pub const CLASSES: [&str; NAMES.len()] = NAMES;

/// How much light a shadow takes away.
const SHADOW_DEPTH: f32 = 0.4;
/// How wide a shadow's soft edge is, in photo units.
const SHADOW_EDGE: f32 = 0.06;
/// How uneven a painted surface is, of full brightness.
const WEAR: f32 = 0.04;

/// Returns the pixels of photo number `index` of a class. They are a pure function of the arguments.
///
/// # Shapes
/// `side` rows of `side` pixels, red, green and blue as bytes: `side * side * 3` in all.
///
/// # Panics
/// If `class` is not an index of [`CLASSES`].
pub fn draw(seed: u64, class: usize, index: usize, side: usize) -> Vec<u8> {
    assert!(class < CLASSES.len(), "class {class} of {}", CLASSES.len());
    let mut stream = Stream::new(seed, Purpose::Draw, class as u32, index as u32);
    let photo = Photo::random(&mut stream, class);
    let pixel = 1.0 / side.max(1) as f32;
    let mut bytes = Vec::with_capacity(side * side * 3);
    for y in 0..side {
        for x in 0..side {
            let point = [x, y].map(|v| (v as f32 + 0.5) * pixel);
            let color = photo.at(point, pixel);
            let noise = grain(&mut stream, photo.grain);
            bytes.extend((0..3).map(|i| ((color[i] + noise[i]) * 255.0 + 0.5) as u8));
        }
    }
    bytes
}

/// All that was chosen at random about one photo.
struct Photo {
    palette: Palette,
    backdrop: Backdrop,
    figure: Figure,
    pose: Pose,
    noise: Noise,
    /// Towards the light, a unit vector.
    light: [f32; 2],
    /// How far the figure's shadow is thrown.
    shadow: f32,
    /// How much brighter it is a unit nearer to the light.
    fall_off: f32,
    /// The standard deviation of the sensor's noise.
    grain: f32,
}

impl Photo {
    fn random(stream: &mut Stream, class: usize) -> Self {
        let palette = Palette::random(stream);
        let (sine, cosine) = stream.range(-1.3, 1.3).sin_cos();
        Self {
            backdrop: Backdrop::random(stream, &palette),
            palette,
            figure: Figure::random(stream, class),
            pose: Pose::random(stream),
            noise: Noise::random(stream),
            light: [sine, -cosine],
            shadow: stream.range(0.01, 0.06),
            fall_off: stream.range(0.0, 0.35),
            grain: stream.range(0.0, 0.03),
        }
    }

    fn at(&self, point: [f32; 2], pixel: f32) -> Rgb {
        let inside = self.pose.to_figure(point);
        let unit = pixel / self.pose.size;
        let cover = (0.5 - self.figure.distance(inside) / unit).clamp(0.0, 1.0);
        let color = if cover == 0.0 {
            self.ground(point, pixel)
        } else if cover == 1.0 {
            self.paint(inside, unit)
        } else {
            mix(self.ground(point, pixel), self.paint(inside, unit), cover)
        };
        let nearer = (point[0] - 0.5) * self.light[0] + (point[1] - 0.5) * self.light[1];
        color.map(|c| c * (1.0 + self.fall_off * nearer))
    }

    /// Returns the backdrop with the figure's shadow on it.
    fn ground(&self, point: [f32; 2], pixel: f32) -> Rgb {
        let thrower = self.pose.to_figure([0, 1].map(|i| point[i] + self.shadow * self.light[i]));
        let outside = self.figure.distance(thrower) * self.pose.size;
        let shade = SHADOW_DEPTH * (0.5 - outside / SHADOW_EDGE).clamp(0.0, 1.0);
        self.backdrop.at(point, pixel, &self.noise).map(|c| c * (1.0 - shade))
    }

    /// Returns the figure's surface, a little worn, at a point in its own units.
    fn paint(&self, inside: [f32; 2], unit: f32) -> Rgb {
        let ink = self.figure.texture(inside, unit, &self.noise);
        let relief = self.figure.relief(inside, self.pose.turned(self.light));
        let worn = WEAR * self.noise.at(inside[0] * 5.0 + 3.0, inside[1] * 5.0 + 3.0);
        mix(self.palette.inks[0], self.palette.inks[1], ink).map(|c| (c + worn) * relief)
    }
}

/// Where a figure is, how large, turned and stretched.
struct Pose {
    center: [f32; 2],
    size: f32,
    turn: [f32; 2],
    stretch: f32,
}

impl Pose {
    fn random(stream: &mut Stream) -> Self {
        let size = stream.range(0.34, 0.47);
        // A small figure has more room to be off the middle.
        let room = 0.56 - size;
        let (sine, cosine) = stream.range(-0.6, 0.6).sin_cos();
        Self {
            center: [0.5 + stream.range(-room, room), 0.5 + stream.range(-room, room)],
            size,
            turn: [cosine, sine],
            stretch: stream.range(0.88, 1.14),
        }
    }

    /// Returns a point of the photo in the figure's units.
    fn to_figure(&self, point: [f32; 2]) -> [f32; 2] {
        let [u, v] = self.turned([point[0] - self.center[0], point[1] - self.center[1]]);
        [u / (self.size * self.stretch), v * self.stretch / self.size]
    }

    /// Returns a direction in the photo as the turned figure sees it.
    fn turned(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let [cosine, sine] = self.turn;
        [x * cosine + y * sine, y * cosine - x * sine]
    }
}

/// Noise of a pixel's three channels. The sum of two uniform numbers is near enough to a normal one.
fn grain(stream: &mut Stream, deviation: f32) -> Rgb {
    let bits = [stream.next_u32(), stream.next_u32()];
    let scale = deviation * 6f32.sqrt() / 1023.0;
    [0, 10, 20].map(|shift| {
        let sum = ((bits[0] >> shift) & 1023) + ((bits[1] >> shift) & 1023);
        (sum as f32 - 1023.0) * scale
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_is_a_pure_function_of_its_four_numbers() {
        let base = draw(3, 1, 2, 40);
        assert_eq!(base.len(), 40 * 40 * 3);
        assert_eq!(base, draw(3, 1, 2, 40));
        for other in [draw(4, 1, 2, 40), draw(3, 2, 2, 40), draw(3, 1, 3, 40)] {
            let differing = base.iter().zip(&other).filter(|(a, b)| a != b).count();
            assert!(differing > base.len() / 2, "{differing} bytes differ");
        }
    }

    /// An edge fades over one pixel, so a pixel has nearly the mean color of its area, which a point does not.
    #[test]
    fn a_pixel_is_the_mean_of_its_area() {
        let (side, parts) = (48, 6);
        let pixel = 1.0 / side as f32;
        for class in 0..CLASSES.len() {
            let (mut faded, mut hard) = (0.0, 0.0);
            for index in 0..4 {
                let mut stream = Stream::new(5, Purpose::Draw, class as u32, index);
                let photo = Photo::random(&mut stream, class);
                let place =
                    |i: usize, n: usize| [(i % n) as f32 + 0.5, (i / n) as f32 + 0.5].map(|v| v / n as f32);
                for i in 0..side * side {
                    let middle = place(i, side);
                    let mean = (0..parts * parts).map(|k| {
                        let point = [0, 1].map(|axis| middle[axis] + (place(k, parts)[axis] - 0.5) * pixel);
                        photo.at(point, pixel / 100.0)[1]
                    });
                    let mean = mean.sum::<f32>() / (parts * parts) as f32;
                    faded += (photo.at(middle, pixel)[1] - mean).abs();
                    hard += (photo.at(middle, pixel / 100.0)[1] - mean).abs();
                }
            }
            println!("{}: {:.3} of the error without fading", CLASSES[class], faded / hard);
            assert!(faded < 0.5 * hard, "{}: {faded} with fading, {hard} without", CLASSES[class]);
        }
    }
}
