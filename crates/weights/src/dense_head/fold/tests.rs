use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Shape, Tensor};

use super::*;

/// A layer of a chain as a file has it.
#[derive(Clone, Debug)]
enum Link {
    Dense { kernel: Tensor, bias: Option<Vec<f32>> },
    Norm { gamma: Option<Vec<f32>>, beta: Option<Vec<f32>>, mean: Vec<f32>, variance: Vec<f32>, epsilon: f64 },
    Affine { scale: Vec<f64>, offset: Vec<f64> },
    Clamp(Activation),
}

/// The chain's naive evaluation in f64, layer by layer, nothing folded.
fn naive(chain: &[Link], input: &[f64]) -> Vec<f64> {
    let mut x = input.to_vec();
    for link in chain {
        x = match link {
            Link::Dense { kernel, bias } => {
                let outputs = kernel.shape().dims()[1];
                let sum = |o: usize| {
                    let terms = x.iter().enumerate();
                    let sum: f64 = terms.map(|(i, x)| x * f64::from(kernel.data()[i * outputs + o])).sum();
                    sum + bias.as_ref().map_or(0.0, |bias| f64::from(bias[o]))
                };
                (0..outputs).map(sum).collect()
            }
            Link::Norm { gamma, beta, mean, variance, epsilon } => {
                let norm = |i: usize| {
                    let (mean, variance) = (f64::from(mean[i]), f64::from(variance[i]));
                    let scaled = (x[i] - mean) / (variance + epsilon).sqrt();
                    let gamma = gamma.as_ref().map_or(1.0, |gamma| f64::from(gamma[i]));
                    scaled * gamma + beta.as_ref().map_or(0.0, |beta| f64::from(beta[i]))
                };
                (0..x.len()).map(norm).collect()
            }
            Link::Affine { scale, offset } => {
                let of = |numbers: &[f64], i: usize| numbers[i.min(numbers.len() - 1)];
                (0..x.len()).map(|i| x[i] * of(scale, i) + of(offset, i)).collect()
            }
            Link::Clamp(Activation::None) => x,
            Link::Clamp(Activation::Relu) => x.iter().map(|x| x.max(0.0)).collect(),
            Link::Clamp(Activation::Relu6) => x.iter().map(|x| x.clamp(0.0, 6.0)).collect(),
        }
    }
    x
}

/// The head's own layers in f64.
fn folded(head: &DenseHead, input: &[f64]) -> Vec<f64> {
    head.layers().iter().fold(input.to_vec(), |x, layer| {
        let dense = Link::Dense { kernel: layer.kernel.clone(), bias: Some(layer.bias.clone()) };
        naive(&[dense, Link::Clamp(layer.activation)], &x)
    })
}

fn build(features: usize, chain: &[Link]) -> Result<HeadBuilder, String> {
    let mut builder = HeadBuilder::new(features);
    for link in chain {
        match link {
            Link::Dense { kernel, bias } => builder.dense(kernel, bias.as_deref())?,
            Link::Norm { gamma, beta, mean, variance, epsilon } => builder.batch_norm(BatchNormValues {
                gamma: gamma.as_deref(),
                beta: beta.as_deref(),
                mean,
                variance,
                epsilon: *epsilon,
            })?,
            Link::Affine { scale, offset } => builder.affine(scale, offset)?,
            Link::Clamp(Activation::None) => {}
            Link::Clamp(Activation::Relu) => builder.relu()?,
            Link::Clamp(Activation::Relu6) => builder.relu6()?,
        }
    }
    Ok(builder)
}

struct Draw(Stream);

impl Draw {
    fn values(&mut self, count: usize, low: f32, high: f32) -> Vec<f32> {
        (0..count).map(|_| self.0.range(low, high)).collect()
    }

    fn maybe(&mut self, values: Vec<f32>) -> Option<Vec<f32>> {
        (self.0.below(3) > 0).then_some(values)
    }

    fn link(&mut self, width: &mut usize) -> Link {
        let n = *width;
        match self.0.below(6) {
            0 | 1 => self.dense(width),
            2 => {
                let (gamma, beta) = (self.values(n, -2.0, 2.0), self.values(n, -1.0, 1.0));
                let (gamma, beta) = (self.maybe(gamma), self.maybe(beta));
                let (mean, variance) = (self.values(n, -1.0, 1.0), self.values(n, 0.0, 3.0));
                Link::Norm { gamma, beta, mean, variance, epsilon: 1e-3 }
            }
            3 => {
                let count = if self.0.below(2) == 0 { 1 } else { n };
                let wide = |values: Vec<f32>| values.into_iter().map(f64::from).collect();
                Link::Affine {
                    scale: wide(self.values(count, -2.0, 2.0)),
                    offset: wide(self.values(1, -1.0, 1.0)),
                }
            }
            4 => Link::Clamp(Activation::Relu),
            _ => Link::Clamp(Activation::Relu6),
        }
    }

    fn dense(&mut self, width: &mut usize) -> Link {
        let outputs = 2 + self.0.below(7) as usize;
        let kernel = self.values(*width * outputs, -1.0, 1.0);
        let kernel = Tensor::from_slice(Shape::of([*width, outputs]), &kernel).unwrap();
        let bias = self.values(outputs, -1.0, 1.0);
        *width = outputs;
        Link::Dense { kernel, bias: self.maybe(bias) }
    }
}

#[test]
fn folded_chains_compute_what_the_chains_do() {
    for seed in 0..2_000 {
        let mut draw = Draw(Stream::new(seed, Purpose::Test, 0, 0));
        let features = 2 + draw.0.below(9) as usize;
        let (mut width, mut chain) = (features, Vec::new());
        for _ in 0..draw.0.below(9) {
            chain.push(draw.link(&mut width));
        }
        chain.push(draw.dense(&mut width));
        for _ in 0..draw.0.below(4) {
            // Behind the last dense layer there may be anything but another.
            chain.push(match draw.link(&mut width.clone()) {
                Link::Dense { .. } => Link::Clamp(Activation::Relu),
                link => link,
            });
        }
        let builder = build(features, &chain).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(builder.width(), width, "seed {seed}");
        let head = builder.end(HeadOutput::Softmax).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!((head.features(), head.outputs()), (features, width), "seed {seed}");
        // Pooled features of a ReLU6.
        let input: Vec<f64> = draw.values(features, 0.0, 6.0).into_iter().map(f64::from).collect();
        let (expected, got) = (naive(&chain, &input), folded(&head, &input));
        let size = expected.iter().fold(1.0_f64, |most, value| most.max(value.abs()));
        for (expected, got) in expected.iter().zip(&got) {
            // Every kernel was rounded to f32 once; what is small may be a difference of what is large.
            assert!((expected - got).abs() < 2e-4 * size, "seed {seed}: {expected} {got}\n{chain:?}");
        }
    }
}

fn ones(inputs: usize, outputs: usize) -> Tensor {
    Tensor::from_slice(Shape::of([inputs, outputs]), &vec![1.0; inputs * outputs]).unwrap()
}

#[test]
fn a_chain_without_anything_to_fold_stays_as_it_is() {
    let mut builder = HeadBuilder::new(4);
    let (first, second) = (ones(4, 3), ones(3, 2));
    // Features are above 0 already, and so is what has left a relu.
    builder.relu().unwrap();
    builder.dense(&first, Some(&[0.5, 1.5, 2.5])).unwrap();
    builder.relu().unwrap();
    builder.relu().unwrap();
    builder.dense(&second, None).unwrap();
    let head = builder.end(HeadOutput::Logits).unwrap();
    let [a, b] = head.layers() else { panic!("{head:?}") };
    assert_eq!((a.kernel.data(), &a.bias[..]), (first.data(), &[0.5, 1.5, 2.5][..]));
    assert_eq!((b.kernel.data(), &b.bias[..]), (second.data(), &[0.0, 0.0][..]));
    assert_eq!((a.activation, b.activation), (Activation::Relu, Activation::None));
    assert_eq!(head.parameters(), 4 * 3 + 3 + 3 * 2 + 2);
}

#[test]
fn a_temperature_divides_the_logits() {
    let mut builder = HeadBuilder::new(2);
    builder.dense(&ones(2, 2), Some(&[1.0, -3.0])).unwrap();
    builder.affine(&[0.25], &[0.0]).unwrap();
    let head = builder.end(HeadOutput::Softmax).unwrap();
    assert_eq!(head.layers().len(), 1);
    assert_eq!(
        (head.layers()[0].kernel.data(), &head.layers()[0].bias[..]),
        (&[0.25; 4][..], &[0.25, -0.75][..])
    );
}

#[test]
fn what_makes_no_head_is_refused() {
    let refused = |outcome: Result<(), String>, word: &str| {
        let reason = outcome.unwrap_err();
        assert!(reason.contains(word), "{reason}");
    };
    refused(HeadBuilder::new(3).dense(&ones(4, 2), None), "[4, 2] on 3 values");
    refused(HeadBuilder::new(4).dense(&ones(4, 2), Some(&[0.0])), "1 biases");
    refused(HeadBuilder::new(4).dense(&Tensor::zeros(Shape::of([4])), None), "expected [in, out]");
    refused(HeadBuilder::new(4).affine(&[1.0; 3], &[0.0]), "3 numbers for 4");
    let norm = |variance: &[f32]| {
        let (gamma, beta, mean) = (None, None, &[0.0, 0.0][..]);
        HeadBuilder::new(2).batch_norm(BatchNormValues { gamma, beta, mean, variance, epsilon: 0.0 })
    };
    refused(norm(&[1.0]), "normalization of 1 values on 2");
    refused(norm(&[1.0, -1.0]), "variance of -1");
    refused(norm(&[0.0, 1.0]), "variance of 0");
    refused(norm(&[1.0, f32::NAN]), "variance of NaN");
    let end = |output, outputs, value: f64| {
        let mut builder = HeadBuilder::new(2);
        builder.dense(&ones(2, outputs), None)?;
        builder.affine(&[value], &[0.0])?;
        builder.end(output).map(|_| ())
    };
    refused(HeadBuilder::new(2).end(HeadOutput::Softmax).map(|_| ()), "no dense layer");
    refused(end(HeadOutput::Softmax, 1, 1.0), "softmax of one");
    refused(end(HeadOutput::Sigmoids, 1, 1.0), "one sigmoid");
    refused(end(HeadOutput::Sigmoid, 2, 1.0), "several outputs");
    refused(end(HeadOutput::Softmax, 2, 1e200), "inf at index 0");
    refused(end(HeadOutput::Softmax, 2, f64::NAN), "NaN at index 0");
    // A relu over more values than a diagonal layer may have.
    let mut builder = HeadBuilder::new(1 << 14);
    builder.affine(&[1.0], &[-1.0]).unwrap();
    refused(builder.relu(), "above the limit");
    let mut builder = HeadBuilder::new(2);
    let deep = (0..=MAX_HEAD_LAYERS)
        .try_for_each(|_| builder.dense(&ones(2, 2), None).and_then(|()| builder.relu()));
    refused(deep, "16 dense layers");
}
