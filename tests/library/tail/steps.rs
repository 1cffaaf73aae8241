//! Six steps of each optimizer from block 15 on, against Keras, on every instruction set, with gamma and beta trained and
//! not.

use icecap_graph::Tap;
use icecap_kernels::{Isa, Tensor, Threads};
use icecap_tune::{Compute, Norms, Tail};

use super::flow::{self, Case, Training, statistics_stay};
use crate::assets::{self, Golden};

const STEPS: usize = 6;
const BATCH: usize = 4;
/// How far losses may stand apart once a ReLU6 has let a gradient pass here and not there.
const FLIPPED: f64 = 3e-4;

/// How far values may stand apart after the last step, and the share of a loss.
#[derive(Clone, Copy)]
struct Allowed {
    /// 99.9 % of the values, and each of them. Adam divides a gradient by its own size: where it is nothing but rounding, a
    /// value moves by a whole rate in either direction.
    most: f64,
    all: f64,
    losses: f64,
    /// The steps whose losses must be that near; [`FLIPPED`] holds for later ones.
    steps: usize,
    /// Of all values together, L2 of the difference over that of the movement.
    movement: f64,
}

fn check(optimizer: &str, rate: f32, of: impl Fn(Norms) -> Allowed) {
    let Some(assets) = assets::folder() else { return };
    let weights = assets.join("weights/keras_mobilenet_v2_0.35_scrambled_no_top.safetensors");
    for (part, norms) in [("bn_trains/", Norms::Trained), ("bn_frozen/", Norms::Frozen)] {
        let allowed = of(norms);
        let golden = Golden::asset(&assets, &format!("finetune_steps_{optimizer}"));
        let case = Case::new(golden, &weights, part);
        for isa in Isa::available() {
            let name = format!("{optimizer} {part} {isa}");
            let from = Tap::Block(14);
            let threads = Threads::serial();
            let tail = Tail::new(&case.params, from, case.size, norms).unwrap();
            let mut training =
                Training::new(tail, case.head(), optimizer, Compute { threads: &threads, isa });
            let rows = case.rows(isa, from);
            let row = rows.len() / case.labels.len();
            let expected = case.golden.f32s(&format!("{part}losses"));
            assert_eq!(expected.len(), STEPS);
            for (step, &expected) in expected.iter().enumerate() {
                let first = BATCH * (step % 2);
                let batch = first..first + BATCH;
                let loss = training.step(&rows[first * row..][..BATCH * row], &case.labels[batch], rate);
                let apart = f64::from((loss - expected).abs() / expected);
                let allowed = if step < allowed.steps { allowed.losses } else { FLIPPED };
                assert!(apart <= allowed, "{name} step {step}: loss {loss} for {expected}");
            }
            compare(&name, &case, part, &training, &allowed);
            statistics_stay(&case.params, &training.tail, norms);
        }
    }
}

/// The values after the last step, all together.
fn compare(name: &str, case: &Case, part: &str, training: &Training<'_>, allowed: &Allowed) {
    let names = case.golden.names();
    let head = ["head/kernel", "head/bias"].map(str::to_owned).into_iter().zip(training.head.iter().cloned());
    let (mut apart, mut moved) = (Vec::new(), Vec::new());
    let mut compared = 0;
    for (tensor, values) in training.tail.tensors().into_iter().chain(head) {
        let first = if tensor.starts_with("head/") { None } else { case.params.tensor(&tensor).cloned() };
        let first = first.unwrap_or_else(|| flow::tensor(&case.golden, &tensor));
        let whole = format!("{part}final/{tensor}");
        let ([got, first], expected) = if names.contains(&whole) {
            ([&values, &first].map(|tensor| tensor.data().to_vec()), case.golden.f32s(&whole))
        } else {
            ([&values, &first].map(every_fourth), case.golden.f32s(&format!("{part}final4/{tensor}")))
        };
        assert_eq!(got.len(), expected.len(), "{tensor}");
        let differences = |from: &[f32]| -> Vec<f64> {
            from.iter().zip(&expected).map(|(a, b)| f64::from((a - b).abs())).collect()
        };
        apart.extend(differences(&got));
        moved.extend(differences(&first));
        compared += 1;
    }
    let finals = names.iter().filter(|name| name.starts_with(&format!("{part}final")));
    assert_eq!(finals.count(), compared, "{name}: every tensor of the file");
    let norm = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>().sqrt();
    let movement = norm(&apart) / norm(&moved);
    // NaNs come last.
    apart.sort_by(f64::total_cmp);
    let (most, all) = (apart[apart.len() * 999 / 1000], apart[apart.len() - 1]);
    let found =
        format!("{name}: 99.9 % within {most:.1e}, all within {all:.1e}, {movement:.1e} of the movement");
    println!("{found}");
    assert!(most <= allowed.most && all <= allowed.all && movement <= allowed.movement, "{found}");
}

fn every_fourth(tensor: &Tensor) -> Vec<f32> {
    let channels = *tensor.shape().dims().last().unwrap();
    tensor.data().chunks_exact(channels).flat_map(|row| row.iter().step_by(4).copied()).collect()
}

#[test]
fn steps_of_adam_agree_with_keras() {
    check("adam", 1e-4, |_| Allowed { most: 1e-6, all: 5e-5, losses: 1e-5, steps: STEPS, movement: 3e-4 });
}

#[test]
fn steps_of_adamw_agree_with_keras() {
    check("adamw", 1e-4, |_| Allowed { most: 1e-6, all: 5e-5, losses: 1e-5, steps: STEPS, movement: 3e-4 });
}

#[test]
fn steps_of_sgd_agree_with_keras() {
    check("sgd", 1e-3, |_| Allowed { most: 1e-6, all: 1e-6, losses: 2e-5, steps: STEPS, movement: 3e-4 });
}

/// In the fourth step with gamma and beta an input of a ReLU6 lies 2.6e-5 from 6, which is what f32 has moved it by then: it
/// is on the other side here, as in PyTorch, whose losses after that are 0.80677 and 0.91601 where Keras' are 0.80666 and
/// 0.91621 (in f64 PyTorch has these). Without gamma and beta nothing comes so near.
#[test]
fn steps_of_rmsprop_agree_with_keras() {
    check("rmsprop", 1e-4, |norms| match norms {
        Norms::Trained => Allowed { most: 2e-4, all: 6e-4, losses: 1e-5, steps: 4, movement: 3e-2 },
        Norms::Frozen => Allowed { most: 2e-6, all: 2e-6, losses: 1e-5, steps: STEPS, movement: 1e-4 },
    });
}
