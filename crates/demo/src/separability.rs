//! Is the sample set as hard as it claims? A linear model on crude summaries of its photos must not tell the
//! classes apart; the same model must succeed where color does give them away, or it would prove nothing.
//!
//! The model is multinomial logistic regression on standardized inputs `x`: `softmax(x W + b)`, cross-entropy and
//! a penalty `l2 |W|^2 / 2`, full-batch gradient descent with momentum. Of several penalties the best counts,
//! chosen on the validation photos themselves: an upper bound of what the model can do.

use super::draw::{CLASSES, draw};

/// Photos of a class: enough for the demo, split as it splits them.
const TRAIN: usize = 64;
const VALIDATION: usize = 16;
/// Small, to be quick; the summaries are the same for larger drawings.
const SIDE: usize = 48;
const THUMBNAIL: usize = 8;

const SEEDS: std::ops::Range<u64> = 0..3;
const PENALTIES: [f32; 3] = [0.01, 0.1, 1.0];
const STEPS: usize = 120;
/// Below `2 (1 + MOMENTUM) / L`: the loss's curvature `L` is at most half the largest eigenvalue of the inputs'
/// correlations, which is about 55 for thumbnails.
const STEP: f32 = 0.05;
const MOMENTUM: f32 = 0.9;

/// What the regression is given: a row per photo, and the photos' classes.
struct Table {
    rows: Vec<Vec<f32>>,
    classes: Vec<usize>,
}

/// Thumbnails of the photos `numbers` of each class; `photo` draws one.
fn thumbnails(numbers: std::ops::Range<usize>, photo: impl Fn(usize, usize) -> Vec<u8>) -> Table {
    let classes: Vec<usize> = (0..CLASSES.len()).flat_map(|c| numbers.clone().map(move |_| c)).collect();
    let rows = classes.iter().zip(numbers.cycle()).map(|(&c, i)| thumbnail(&photo(c, i))).collect();
    Table { rows, classes }
}

/// Returns the means of a photo's 8x8 blocks, red, green and blue.
fn thumbnail(photo: &[u8]) -> Vec<f32> {
    let block = SIDE / THUMBNAIL;
    let mut means = vec![0.0; THUMBNAIL * THUMBNAIL * 3];
    for (i, &value) in photo.iter().enumerate() {
        let (y, x, channel) = (i / 3 / SIDE, i / 3 % SIDE, i % 3);
        means[(y / block * THUMBNAIL + x / block) * 3 + channel] += f32::from(value) / (block * block) as f32;
    }
    means
}

/// Returns the mean colors of photos, from their thumbnails.
fn mean_colors(thumbnails: &Table) -> Table {
    let mean =
        |row: &Vec<f32>, channel| row.iter().skip(channel).step_by(3).sum::<f32>() * 3.0 / row.len() as f32;
    let rows = thumbnails.rows.iter().map(|row| (0..3).map(|channel| mean(row, channel)).collect()).collect();
    Table { rows, classes: thumbnails.classes.clone() }
}

/// Moves and scales each column by what makes `train`'s mean 0 and variance 1.
fn standardize(train: &mut Table, validation: &mut Table) {
    let n = train.rows.len() as f32;
    for column in 0..train.rows[0].len() {
        let mean = train.rows.iter().map(|r| r[column]).sum::<f32>() / n;
        let variance = train.rows.iter().map(|r| (r[column] - mean).powi(2)).sum::<f32>() / n;
        for row in train.rows.iter_mut().chain(&mut validation.rows) {
            row[column] = (row[column] - mean) / variance.sqrt().max(1e-6);
        }
    }
}

/// Scores of one row: a weight per class and column, the bias last.
fn scores(weights: &[Vec<f32>], row: &[f32]) -> Vec<f32> {
    weights.iter().map(|w| dot(&w[..row.len()], row) + w[row.len()]).collect()
}

/// Returns the dot product, in eight sums side by side, which the compiler turns into vector arithmetic.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks(8).zip(b.chunks(8)) {
        sums.iter_mut().zip(a).zip(b).for_each(|((sum, a), b)| *sum += a * b);
    }
    sums.iter().sum()
}

fn fit(table: &Table, l2: f32) -> Vec<Vec<f32>> {
    let columns = table.rows[0].len();
    let mut weights = vec![vec![0.0; columns + 1]; CLASSES.len()];
    let mut velocity = weights.clone();
    for _ in 0..STEPS {
        let mut gradient = vec![vec![0.0; columns + 1]; CLASSES.len()];
        for (row, &class) in table.rows.iter().zip(&table.classes) {
            let scores = scores(&weights, row);
            let top = scores.iter().copied().fold(f32::MIN, f32::max);
            let sum: f32 = scores.iter().map(|s| (s - top).exp()).sum();
            for (c, gradient) in gradient.iter_mut().enumerate() {
                let error = (scores[c] - top).exp() / sum - f32::from(u8::from(c == class));
                let error = error / table.rows.len() as f32;
                gradient.iter_mut().zip(row).for_each(|(g, x)| *g += error * x);
                gradient[columns] += error;
            }
        }
        for c in 0..CLASSES.len() {
            for i in 0..=columns {
                let penalty = if i < columns { l2 * weights[c][i] } else { 0.0 };
                velocity[c][i] = MOMENTUM * velocity[c][i] - STEP * (gradient[c][i] + penalty);
                weights[c][i] += velocity[c][i];
            }
        }
    }
    weights
}

fn accuracy(weights: &[Vec<f32>], table: &Table) -> f32 {
    let right = table.rows.iter().zip(&table.classes).filter(|&(row, &class)| {
        let scores = scores(weights, row);
        (0..scores.len()).all(|c| scores[class] >= scores[c])
    });
    right.count() as f32 / table.rows.len() as f32
}

/// Returns the regression's accuracy on new photos, with the best of the penalties.
fn best_accuracy(mut train: Table, mut validation: Table) -> f32 {
    standardize(&mut train, &mut validation);
    PENALTIES.iter().map(|&l2| accuracy(&fit(&train, l2), &validation)).fold(0.0, f32::max)
}

/// Returns what the regression reaches from mean colors and from thumbnails.
fn accuracies(photo: impl Fn(usize, usize) -> Vec<u8>) -> [f32; 2] {
    let train = thumbnails(0..TRAIN, &photo);
    let validation = thumbnails(TRAIN..TRAIN + VALIDATION, &photo);
    let from_color = best_accuracy(mean_colors(&train), mean_colors(&validation));
    [from_color, best_accuracy(train, validation)]
}

#[test]
fn neither_mean_color_nor_a_thumbnail_gives_the_class_away() {
    for seed in SEEDS {
        let [color, small] = accuracies(|class, index| draw(seed, class, index, SIDE));
        println!("seed {seed}: accuracy from the mean color {color:.3}, from 8x8 pixels {small:.3}");
        assert!(color < 0.6, "seed {seed}: the mean color gives the class away, accuracy {color}");
        assert!(small < 0.6, "seed {seed}: 8x8 pixels give the class away, accuracy {small}");
    }
}

/// Draws the photos tinted by class: what the test above is there to catch.
#[test]
fn the_same_regression_finds_classes_that_differ_in_color() {
    let tints = [[255u8, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 0, 0]];
    assert!(CLASSES.len() <= tints.len(), "a tint per class");
    let [color, small] = accuracies(|class, index| {
        let mut bytes = draw(0, class, index, SIDE);
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = byte.midpoint(tints[class][i % 3]);
        }
        bytes
    });
    println!("tinted by class: accuracy from the mean color {color:.3}, from 8x8 pixels {small:.3}");
    assert!(color > 0.9 && small > 0.9, "accuracies {color}, {small} on photos tinted by class");
}
