//! Colors of a drawn photo: chosen without regard to its class, so that no color gives the class away.

use icecap_kernels::rng::Stream;

/// Red, green and blue from 0 to 1, in the encoding of an image file.
pub(super) type Rgb = [f32; 3];

/// A figure whose two inks are closer than this in brightness would have no texture to see.
const INK_CONTRAST: f32 = 0.4;
/// A backdrop closer than this to an ink (distance in RGB) would swallow the figure's outline.
const GROUND_DISTANCE: f32 = 0.35;
/// Draws until the colors are far enough apart; the last one stands if none was.
const TRIES: usize = 100;

/// The four main colors of a photo.
pub(super) struct Palette {
    /// The figure's two inks. Either may be the brighter one.
    pub(super) inks: [Rgb; 2],
    /// The backdrop's two colors.
    pub(super) grounds: [Rgb; 2],
}

impl Palette {
    /// Random colors that can be told apart.
    pub(super) fn random(stream: &mut Stream) -> Self {
        let inks = draw_until(
            || [random(stream), random(stream)],
            |[a, b]| (brightness(*a) - brightness(*b)).abs() > INK_CONTRAST,
        );
        let apart = |c: &Rgb| inks.iter().all(|&ink| distance(*c, ink) > GROUND_DISTANCE);
        let grounds = [(); 2].map(|()| draw_until(|| random(stream), apart));
        Self { inks, grounds }
    }
}

/// Returns a random color, from pale to vivid and from dark to bright.
pub(super) fn random(stream: &mut Stream) -> Rgb {
    let hue = stream.range(0.0, 6.0);
    let (saturation, value) = (stream.range(0.05, 0.65), stream.range(0.15, 1.0));
    from_hsv(hue, saturation, value)
}

/// `a` where `t` is 0, `b` where it is 1.
pub(super) fn mix(a: Rgb, b: Rgb, t: f32) -> Rgb {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t)
}

fn draw_until<T>(mut draw: impl FnMut() -> T, good: impl Fn(&T) -> bool) -> T {
    let mut drawn = draw();
    for _ in 1..TRIES {
        if good(&drawn) {
            break;
        }
        drawn = draw();
    }
    drawn
}

/// Hue in sixths of the circle, 0 red, 2 green, 4 blue.
fn from_hsv(hue: f32, saturation: f32, value: f32) -> Rgb {
    [5.0, 3.0, 1.0].map(|offset: f32| {
        let k = (offset + hue) % 6.0;
        value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0)
    })
}

/// Luma with the weights of BT.601.
fn brightness(color: Rgb) -> f32 {
    0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
}

fn distance(a: Rgb, b: Rgb) -> f32 {
    (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f32>().sqrt()
}
