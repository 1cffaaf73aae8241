//! Whether two photos show the same pixels: the detail of one held against that of the other, once they are laid upon
//! each other.
//!
//! ```text
//! grids:  the mean gray level of 64 x 64 cells over each photo
//! laid:   one whole grid upon a window of the other, mirrored or not: 55 windows of 0.8 to 1 of its sides at 16 x 16, the
//!         two best moved edge by edge at 48 x 48 while that helps
//! detail: h = x - mean of 7 x 7 around it;  n = h / (root of the mean of h^2 around it + 2 gray levels)
//! likeness = correlation of the two n
//! ```
//!
//! Two daisies on grass have the same layout, and so have all photos of the sea: a light half above a dark one. What they
//! do not share is the detail, once each place counts the same however strong its edges are. The two gray levels keep what
//! JPEG leaves of a flat sky from counting as detail.
//!
//! What it does badly: copies that lost more than a fifth of a side, that were turned by a quarter or got a frame; and
//! photos of a tripod, which are the same but for what moved.

use crate::check::near::dot;

/// Cells along a side of a [`Grid`].
pub(super) const SIDE: usize = 64;
/// Samples along a side where windows are tried first, and where detail is compared.
const COARSE: usize = 16;
const FINE: usize = 48;
/// Gray levels of detail that count half.
const FLOOR: f32 = 2.0;
/// Neighbors on each side that detail is measured against.
const REACH: usize = 3;
/// The least share of a side that a window has.
const LEAST: f32 = 0.75;
/// Correlation of coarse gray levels below which no window is worth a closer look.
const WORTH: f32 = 0.6;
/// Correlation of detail below which a window that gray levels agree on is given up.
const HOPELESS: f32 = 0.2;
/// Likeness from which no better window is looked for, where less is asked for.
const ENOUGH: f32 = 0.9;

/// The mean gray levels of a photo's cells, row by row.
pub(super) type Grid = [u8; SIDE * SIDE];

/// Gray levels of a square.
struct Square {
    values: Vec<f32>,
    side: usize,
}

/// A part of a square: left, top, right and bottom edge, from 0 to 1.
type Window = [f32; 4];

const WHOLE: Window = [0.0, 0.0, 1.0, 1.0];

impl Square {
    fn of(cells: &[u8], side: usize) -> Self {
        Self { values: cells.iter().map(|&level| f32::from(level)).collect(), side }
    }

    fn mirrored(&self) -> Self {
        let values =
            self.values.chunks_exact(self.side).flat_map(|line| line.iter().rev().copied()).collect();
        Self { values, side: self.side }
    }

    /// The mean of each two by two cells.
    fn halved(&self) -> Self {
        let (side, half) = (self.side, self.side / 2);
        let at = |y: usize, x: usize| self.values[y * side + x];
        let mean = |cell: usize| {
            let (y, x) = (cell / half * 2, cell % half * 2);
            (at(y, x) + at(y, x + 1) + at(y + 1, x) + at(y + 1, x + 1)) / 4.0
        };
        Self { values: (0..half * half).map(mean).collect(), side: half }
    }

    /// A window of the square at `count` x `count` places, bilinear.
    fn sampled(&self, [left, top, right, bottom]: Window, count: usize) -> Vec<f32> {
        let last = self.side - 1;
        let places = |from: f32, to: f32| -> Vec<(usize, f32)> {
            let place = |index: usize| {
                let share = (index as f32 + 0.5) / count as f32;
                let at = ((from + share * (to - from)) * self.side as f32 - 0.5).clamp(0.0, last as f32);
                let cell = (at as usize).min(last - 1);
                (cell, at - cell as f32)
            };
            (0..count).map(place).collect()
        };
        let (columns, rows) = (places(left, right), places(top, bottom));
        // Each line once, though two rows of places use it.
        let mut across = vec![0.0; self.side * count];
        for (line, out) in self.values.chunks_exact(self.side).zip(across.chunks_exact_mut(count)) {
            for (out, &(column, by)) in out.iter_mut().zip(&columns) {
                *out = line[column] + by * (line[column + 1] - line[column]);
            }
        }
        let mut out = Vec::with_capacity(count * count);
        for (row, down) in rows {
            let (upper, lower) = across[row * count..][..2 * count].split_at(count);
            out.extend(upper.iter().zip(lower).map(|(above, below)| above + down * (below - above)));
        }
        out
    }
}

/// Centers values on their mean and scales them to length 1; all zero if they are equal.
fn direction(mut values: Vec<f32>) -> Vec<f32> {
    let mean = sum(&values) / values.len() as f32;
    values.iter_mut().for_each(|value| *value -= mean);
    let length = dot(&values, &values).sqrt();
    let scale = if length > 1e-3 { 1.0 / length } else { 0.0 };
    values.iter_mut().for_each(|value| *value *= scale);
    values
}

/// A sum by sixteen sums side by side.
fn sum(values: &[f32]) -> f32 {
    let mut sums = [0.0f32; 16];
    let (lines, rest) = values.as_chunks::<16>();
    for line in lines {
        sums.iter_mut().zip(line).for_each(|(sum, value)| *sum += value);
    }
    sums.iter().chain(rest).sum()
}

/// The mean of the values around each; those at the edge go on beyond it.
fn around(values: &[f32]) -> Vec<f32> {
    const WIDTH: usize = 2 * REACH + 1;
    let inside = |at: usize| at.saturating_sub(REACH).min(FINE - 1);
    let mut across = vec![0.0; values.len()];
    let mut wide = [0.0; FINE + 2 * REACH];
    for (line, out) in values.chunks_exact(FINE).zip(across.chunks_exact_mut(FINE)) {
        wide[REACH..][..FINE].copy_from_slice(line);
        wide[..REACH].fill(line[0]);
        wide[REACH + FINE..].fill(line[FINE - 1]);
        for from in 0..WIDTH {
            out.iter_mut().zip(&wide[from..]).for_each(|(sum, value)| *sum += value);
        }
    }
    let mut means = vec![0.0; values.len()];
    for (y, out) in means.chunks_exact_mut(FINE).enumerate() {
        for row in (y..y + WIDTH).map(inside) {
            out.iter_mut().zip(&across[row * FINE..][..FINE]).for_each(|(sum, value)| *sum += value);
        }
        out.iter_mut().for_each(|sum| *sum /= (WIDTH * WIDTH) as f32);
    }
    means
}

/// The detail of `FINE` x `FINE` gray levels, each place by the strength of what is around it, as a direction.
fn detail(gray: &[f32]) -> Vec<f32> {
    let high: Vec<f32> = gray.iter().zip(around(gray)).map(|(value, mean)| value - mean).collect();
    let squares: Vec<f32> = high.iter().map(|value| value * value).collect();
    let even = |(value, square): (&f32, f32)| value / (square.max(0.0).sqrt() + FLOOR);
    direction(high.iter().zip(around(&squares)).map(even).collect())
}

/// Squares that begin at each multiple of a twentieth and have at least `least` of the sides.
fn windows(least: f32) -> impl Iterator<Item = Window> {
    const STEP: f32 = 0.05;
    let missing = (0..=((1.0 - least) / STEP).round() as usize).flat_map(|missing| {
        (0..=missing).flat_map(move |left| (0..=missing).map(move |top| (missing, left, top)))
    });
    missing.map(|(missing, left, top)| {
        let (left, top, side) = (left as f32 * STEP, top as f32 * STEP, 1.0 - missing as f32 * STEP);
        [left, top, left + side, top + side]
    })
}

/// A way to lay one photo upon the other: the first, or the second where `turned`, seen through a window.
#[derive(Clone, Copy)]
struct Laid {
    agreement: f32,
    turned: bool,
    mirrored: bool,
    window: Window,
}

/// How far two photos show the same, from about 0 for strangers to 1 for the same pixels. Of two photos it is the same
/// whichever comes first. No better window is looked for than one of 0.9, or of `asked` where that is more: so the likeness of
/// copies may be told as less than it is, but not as less than that.
pub(super) fn likeness(first: &Grid, second: &Grid, asked: f32) -> f32 {
    let enough = ENOUGH.max(asked);
    let squares = [Square::of(first, SIDE), Square::of(second, SIDE)];
    let mirrors = [squares[0].mirrored(), squares[1].mirrored()];
    let fine = |square: &Square| square.sampled(WHOLE, FINE);
    // The whole of each, as it is and mirrored: what a window of the other is held against.
    let targets = [[fine(&squares[0]), fine(&mirrors[0])], [fine(&squares[1]), fine(&mirrors[1])]];
    let details = targets.each_ref().map(|both| both.each_ref().map(|gray| detail(gray)));
    let mut best = dot(&details[0][0], &details[1][0]).max(dot(&details[0][1], &details[1][0]));
    if best >= enough {
        return best;
    }
    let mut ways = coarsely(&squares, &mirrors);
    ways.sort_by(|a, b| b.agreement.total_cmp(&a.agreement));
    for way in ways.into_iter().take(2).filter(|way| way.agreement >= WORTH) {
        let (seen, other) = if way.turned { (1, 0) } else { (0, 1) };
        let mirrored = usize::from(way.mirrored);
        let gray = direction(targets[other][mirrored].clone());
        let by_gray = |window| dot(&direction(squares[seen].sampled(window, FINE)), &gray);
        let by_detail =
            |window| dot(&detail(&squares[seen].sampled(window, FINE)), &details[other][mirrored]);
        let (window, _) = moved(way.window, [0.025, 0.01], f32::INFINITY, &by_gray);
        if by_detail(window) < HOPELESS {
            continue;
        }
        best = best.max(moved(window, [0.0125, 0.004], enough, &by_detail).1);
        if best >= enough {
            break;
        }
    }
    best
}

/// The best window of each photo, with the other as it is and mirrored.
fn coarsely(squares: &[Square; 2], mirrors: &[Square; 2]) -> Vec<Laid> {
    let halves = squares.each_ref().map(Square::halved);
    let whole = |square: &Square| direction(square.halved().sampled(WHOLE, COARSE));
    let mut ways = Vec::with_capacity(4);
    for (seen, other) in [(0, 1), (1, 0)] {
        let targets = [whole(&squares[other]), whole(&mirrors[other])];
        let mut best = [false, true].map(|mirrored| Laid {
            agreement: -1.0,
            turned: seen == 1,
            mirrored,
            window: WHOLE,
        });
        for window in windows(0.8) {
            let through = direction(halves[seen].sampled(window, COARSE));
            for (best, target) in best.iter_mut().zip(&targets) {
                let agreement = dot(&through, target);
                if agreement > best.agreement {
                    (best.agreement, best.window) = (agreement, window);
                }
            }
        }
        ways.extend(best);
    }
    ways
}

/// Moves the edges of a window by steps, the first and then halves of it down to the last, while `score` grows and is not
/// enough.
fn moved(
    mut window: Window,
    [mut step, last]: [f32; 2],
    enough: f32,
    score: &dyn Fn(Window) -> f32,
) -> (Window, f32) {
    let mut best = score(window);
    while step >= last && best < enough {
        let before = best;
        for edge in 0..4 {
            for by in [-step, step] {
                let mut other = window;
                other[edge] += by;
                let [left, top, right, bottom] = other;
                let inside = other.iter().all(|edge| (-1e-6..=1.0 + 1e-6).contains(edge));
                if !inside || right - left < LEAST || bottom - top < LEAST || best >= enough {
                    continue;
                }
                let now = score(other);
                if now > best {
                    (best, window) = (now, other);
                }
            }
        }
        if best <= before {
            step /= 2.0;
        }
    }
    (window, best)
}

/// How far two layouts of `side` x `side` cells agree at the best of some windows, mirrored or not: a first look that costs
/// no decoding. At most `enough`, from which it looks no further, and 0 where there is no hope from the start.
pub(super) fn layouts_agree(first: &[u8], second: &[u8], side: usize, enough: f32) -> f32 {
    let squares = [Square::of(first, side), Square::of(second, side)];
    let mirrors = [squares[0].mirrored(), squares[1].mirrored()];
    let whole = |square: &Square| direction(square.values.clone());
    let mut best = dot(&whole(&squares[0]), &whole(&squares[1]));
    best = best.max(dot(&whole(&squares[0]), &whole(&mirrors[1])));
    if best >= enough {
        return enough;
    }
    if best < 0.3 {
        return 0.0;
    }
    for (seen, other) in [(0, 1), (1, 0)] {
        let targets = [whole(&squares[other]), whole(&mirrors[other])];
        for window in windows(0.85).skip(1) {
            let through = direction(squares[seen].sampled(window, side));
            best = targets.iter().map(|target| dot(&through, target)).fold(best, f32::max);
            if best >= enough {
                return enough;
            }
        }
    }
    best
}
