//! The same bits however the work is shared, on the starter: threads, batches, groups.

use icecap::advanced::weights::starter;
use icecap_autograd::glorot_uniform;
use icecap_graph::{Params, Tap};
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Isa, Shape, Tensor, Threads};
use icecap_tune::{Compute, GROUP, Norms, Tail};

use super::flow::{Training, bits, statistics_stay};

const SIZE: [usize; 2] = [96, 96];

/// A tail of the starter with rows for some photos.
struct Drawn {
    params: Params,
    tail: Tail,
    rows: Vec<f32>,
    labels: Vec<u32>,
}

impl Drawn {
    fn new(from: Tap, photos: usize) -> Self {
        let params = starter().unwrap().params;
        let tail = Tail::new(&params, from, SIZE, Norms::Trained).unwrap();
        let mut stream = Stream::new(3, Purpose::Test, 0, 0);
        let len = photos * tail.input_shape().elements();
        let (low, high) = if from == Tap::Image { (0.0, 255.0) } else { (-3.0, 3.0) };
        let rows = (0..len).map(|_| stream.range(low, high)).collect();
        Self { params, tail, rows, labels: (0..photos as u32).map(|photo| photo % 3).collect() }
    }

    fn training<'a>(&self, compute: Compute<'a>) -> Training<'a> {
        let head = [glorot_uniform(self.tail.features(), 3, 1, 0).unwrap(), Tensor::zeros(Shape::of([3]))];
        Training::new(self.tail.clone(), head, "adam", compute)
    }
}

#[test]
fn a_training_has_the_same_bits_for_any_number_of_threads() {
    for (from, isas) in [(Tap::Block(12), Isa::available()), (Tap::Image, vec![Isa::best()])] {
        let drawn = Drawn::new(from, 2 * GROUP + 3);
        let row = drawn.tail.input_shape().elements();
        for isa in isas {
            let trained = |count: usize| {
                let threads = Threads::new(count).unwrap();
                let mut training = drawn.training(Compute { threads: &threads, isa });
                let mut losses = Vec::new();
                for photos in [2 * GROUP + 3, GROUP, 5] {
                    losses.push(training.step(&drawn.rows[..photos * row], &drawn.labels[..photos], 1e-3));
                }
                statistics_stay(&drawn.params, &training.tail, Norms::Trained);
                let values = training
                    .tail
                    .tensors()
                    .into_iter()
                    .chain(training.head.iter().map(|tensor| ("head".to_owned(), tensor.clone())));
                (bits(&losses), values.map(|(name, tensor)| (name, bits(tensor.data()))).collect::<Vec<_>>())
            };
            let expected = trained(1);
            assert!(expected.0.windows(2).all(|pair| pair[0] != pair[1]));
            for count in [2, 3, 8] {
                assert!(trained(count) == expected, "{isa} from {from}: {count} threads");
            }
        }
    }
}

/// A photo's pooled features do not depend on the photos beside it, nor on its place in a group.
#[test]
fn a_photo_has_the_same_features_in_any_batch() {
    let drawn = Drawn::new(Tap::Block(12), 2 * GROUP + 3);
    let (row, features) = (drawn.tail.input_shape().elements(), drawn.tail.features());
    for isa in Isa::available() {
        let threads = Threads::new(2).unwrap();
        let compute = Compute { threads: &threads, isa };
        let in_batches = |photos: usize| {
            let mut pooled = vec![f32::NAN; drawn.labels.len() * features];
            for (rows, pooled) in drawn.rows.chunks(photos * row).zip(pooled.chunks_mut(photos * features)) {
                drawn.tail.forward(compute, rows, pooled).unwrap();
            }
            let mut training = drawn.training(compute);
            let kept: Vec<f32> = drawn
                .rows
                .chunks(photos * row)
                .flat_map(|rows| {
                    training.tuner.forward(&training.tail, compute, rows).unwrap().data().to_vec()
                })
                .collect();
            assert!(
                bits(&kept) == bits(&pooled),
                "{isa}: a pass that keeps its activations, batches of {photos}"
            );
            bits(&pooled)
        };
        let alone = in_batches(1);
        for photos in [2, 3, GROUP, GROUP + 1, drawn.labels.len()] {
            assert!(in_batches(photos) == alone, "{isa}: batches of {photos}");
        }
    }
}

/// The loss is a mean over photos, so its gradient is the mean of theirs, whatever groups they are dealt in.
#[test]
fn a_gradient_of_a_batch_is_the_mean_of_those_of_its_photos() {
    let photos = GROUP + 3;
    let drawn = Drawn::new(Tap::Block(12), photos);
    let row = drawn.tail.input_shape().elements();
    for isa in Isa::available() {
        let threads = Threads::serial();
        let mut training = drawn.training(Compute { threads: &threads, isa });
        training.gradients(&drawn.rows, &drawn.labels);
        let together = training.tuner.gradients(&training.tail);
        let mut means: Vec<Vec<f64>> = together.iter().map(|(_, g)| vec![0.0; g.data().len()]).collect();
        for (rows, label) in drawn.rows.chunks(row).zip(&drawn.labels) {
            training.gradients(rows, &[*label]);
            for (mean, (_, gradient)) in means.iter_mut().zip(training.tuner.gradients(&training.tail)) {
                mean.iter_mut()
                    .zip(gradient.data())
                    .for_each(|(mean, &g)| *mean += f64::from(g) / photos as f64);
            }
        }
        for ((name, gradient), mean) in together.iter().zip(&means) {
            let norm = mean.iter().map(|value| value * value).sum::<f64>().sqrt();
            let apart = gradient
                .data()
                .iter()
                .zip(mean)
                .map(|(&g, m)| (f64::from(g) - m).powi(2))
                .sum::<f64>()
                .sqrt();
            assert!(norm > 0.0 && apart <= 1e-5 * norm, "{isa} {name}: {:.1e} apart", apart / norm);
        }
    }
}
