//! What every chart is drawn with: scales, ticks, axes, in the page's own SVG.
//!
//! A chart has units of its own (its `viewBox`) and is as wide as the page has room for. Colors are classes of
//! `style.css`, so that light and dark need one drawing. What a mark means stands in its `<title>`: a browser shows it
//! without any script, and the page's script as a nicer box.

/// Numbers of the data to units of the drawing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    data: [f64; 2],
    units: [f64; 2],
}

impl Scale {
    /// `data[0]` is drawn at `units[0]`, `data[1]` at `units[1]`. Data without extent lie in the middle.
    pub(super) fn new(data: [f64; 2], units: [f64; 2]) -> Self {
        Self { data, units }
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        let extent = self.data[1] - self.data[0];
        let share = if extent == 0.0 { 0.5 } else { (value - self.data[0]) / extent };
        self.units[0] + share * (self.units[1] - self.units[0])
    }
}

/// Round numbers from `low` to `high`, about `wanted` of them: 1, 2 or 5 times a power of ten apart.
pub(super) fn ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let extent = high - low;
    if !(extent > 0.0 && extent.is_finite()) {
        return vec![low];
    }
    let rough = extent / wanted.max(1) as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| *step >= rough * 0.999);
    let step = step.unwrap_or(10.0 * power);
    let first = (low / step - 1e-9).ceil();
    (0..=4 * wanted.max(1))
        .map(|index| (first + index as f64) * step)
        .take_while(|tick| *tick <= high + extent * 1e-9)
        .map(|tick| if tick.abs() < step * 1e-9 { 0.0 } else { tick })
        .collect()
}

/// Whole numbers from `first` on, `first` among them: what an axis of steps counts.
pub(super) fn steps(first: f64, last: f64, wanted: usize) -> Vec<f64> {
    let round = ticks(0.0, last.max(first), wanted);
    let apart = round.get(1).copied().unwrap_or(1.0);
    // One that is nearly at the first would be written over it.
    let room =
        |tick: &f64| tick.fract() == 0.0 && *tick - first >= 0.4 * apart.min(last - first) && *tick <= last;
    std::iter::once(first).chain(round.into_iter().filter(|tick| *tick > first).filter(room)).collect()
}

/// Returns a coordinate: a tenth of a unit is finer than a pixel.
pub(super) fn unit(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Returns a tick's number in its shortest form.
fn label(tick: f64) -> String {
    let text = format!("{tick:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-0" || (text == "0" && tick != 0.0) {
        format!("{tick:e}")
    } else {
        text.to_owned()
    }
}

/// How wide the strip is that holds what was before the first step.
const START: f64 = 60.0;

/// The part of a drawing that holds the data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plot {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Plot {
    /// Returns what is right of a strip that holds the mark of [`before`](Self::before).
    pub(super) fn behind_start(self) -> Self {
        Self { left: self.left + START, ..self }
    }

    /// Returns the horizontal place of what was before the first step, in a plot that leaves a strip for it.
    pub(super) fn start(&self) -> f64 {
        self.left + START * 0.38
    }

    /// Draws what was before the first step: a mark in the strip left of the axis, with its name below.
    pub(super) fn before(&self, y: f64, name: &str, told: &str) -> String {
        let x = unit(self.start());
        format!(
            "<g class=\"start\"><path class=\"axis\" d=\"M{} {bottom}h{}\"/><path class=\"guide-line\" d=\"M{x} {y}V{bottom}\"/>\
             <circle class=\"before\" cx=\"{x}\" cy=\"{y}\" r=\"3.8\"/><text class=\"tick mid\" x=\"{x}\" y=\"{}\">{name}</text>\
             <title>{told}</title></g>",
            unit(self.left),
            unit(START * 0.76),
            unit(self.bottom + 17.0),
            bottom = unit(self.bottom),
            y = unit(y)
        )
    }

    pub(super) fn x(&self, data: [f64; 2]) -> Scale {
        Scale::new(data, [self.left, self.right])
    }

    /// Upwards.
    pub(super) fn y(&self, data: [f64; 2]) -> Scale {
        Scale::new(data, [self.bottom, self.top])
    }

    /// Lines across at the ticks of the vertical axis, with their numbers.
    pub(super) fn across(&self, scale: &Scale, ticks: &[f64], percent: bool) -> String {
        let mut out = String::new();
        for tick in ticks {
            let y = scale.at(*tick);
            let text = if percent { format!("{}%", label(100.0 * tick)) } else { label(*tick) };
            out += &format!(
                "<path class=\"grid\" d=\"M{} {}H{}\"/><text class=\"tick end\" x=\"{}\" y=\"{}\">{text}</text>",
                unit(self.left),
                unit(y),
                unit(self.right),
                unit(self.left - 7.0),
                unit(y + 4.0),
            );
        }
        out
    }

    /// Returns the horizontal axis with its ticks and what it shows.
    pub(super) fn along(&self, scale: &Scale, ticks: &[f64], percent: bool, what: &str) -> String {
        let mut out = format!(
            "<path class=\"axis\" d=\"M{} {}H{}\"/>",
            unit(self.left),
            unit(self.bottom),
            unit(self.right)
        );
        for tick in ticks {
            let text = if percent { format!("{}%", label(100.0 * tick)) } else { label(*tick) };
            out += &format!(
                "<path class=\"axis\" d=\"M{} {}v4\"/><text class=\"tick mid\" x=\"{0}\" y=\"{}\">{text}</text>",
                unit(scale.at(*tick)),
                unit(self.bottom),
                unit(self.bottom + 17.0),
            );
        }
        let middle = (self.left + self.right) / 2.0;
        out + &format!(
            "<text class=\"what mid\" x=\"{}\" y=\"{}\">{what}</text>",
            unit(middle),
            unit(self.bottom + 34.0)
        )
    }
}

/// Returns a drawing of the given size, with the words that stand for it where it is not seen.
pub(super) fn drawing(width: f64, height: f64, words: &str, class: &str, content: &str) -> String {
    format!(
        "<svg class=\"{class}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{words}\">{content}</svg>",
        unit(width),
        unit(height)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        assert_eq!(ticks(0.0, 1.0, 5), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(ticks(1.0, 10.0, 5), [2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(3.0, 3.0, 5), [3.0]);
        for (low, high) in [(0.0, 0.0123), (-7.0, 1e6), (0.87, 0.93), (0.0, f64::MAX / 4.0), (1e-300, 2e-300)]
        {
            let ticks = ticks(low, high, 5);
            assert!((2..=12).contains(&ticks.len()), "{low} {high}: {ticks:?}");
            assert!(
                ticks.iter().all(|t| *t >= low - 1e-9 * (high - low) && *t <= high + 1e-9 * (high - low))
            );
        }
        assert_eq!(ticks(0.0, f64::NAN, 5).len(), 1);
        assert_eq!([0.0, 0.25, 20.0, 1e-7].map(label), ["0", "0.25", "20", "1e-7"]);
    }

    #[test]
    fn steps_are_counted_from_the_first_on() {
        assert_eq!(steps(1.0, 30.0, 6), [1.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]);
        assert_eq!(steps(1.0, 5.0, 6), [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!((steps(1.0, 1.0, 6), steps(1.0, 2.0, 6)), (vec![1.0], vec![1.0, 2.0]));
        for last in 1..400_u32 {
            let steps = steps(1.0, last.into(), 6);
            assert!(steps[0] == 1.0 && steps.len() <= 9 && steps.is_sorted(), "{last}: {steps:?}");
            assert!(
                steps.iter().all(|step| step.fract() == 0.0 && *step <= last.into()),
                "{last}: {steps:?}"
            );
        }
    }

    #[test]
    fn a_scale_goes_from_end_to_end() {
        let plot = Plot { left: 40.0, right: 240.0, top: 10.0, bottom: 110.0 };
        let y = plot.y([0.0, 2.0]);
        assert_eq!([0.0, 1.0, 2.0].map(|value| y.at(value)), [110.0, 60.0, 10.0]);
        assert_eq!(plot.x([5.0, 5.0]).at(5.0), 140.0);
        assert_eq!([1.0, 1.25, -0.04].map(unit), ["1", "1.2", "0"]);
    }
}
