//! Optimizer steps against Keras: a dense layer on given features, from given first values.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::Write;
use std::path::{Path, PathBuf};

use icecap_autograd::optim::{Adam, AdamW, RmsProp, Sgd};
use icecap_autograd::{CrossEntropy, Dense, Loss, Optimizer, Tape, Workspace};
use icecap_kernels::{Shape, Tensor};
use safetensors::{Dtype, SafeTensors};

/// The files of a fresh clone; `tests/golden/README.md` says what is in them.
fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

/// The folder of large golden files. Without it, says in one line that the test is skipped.
fn assets() -> Option<PathBuf> {
    let folder = std::env::var_os("ICECAP_TEST_ASSETS").filter(|folder| !folder.is_empty());
    if folder.is_none() {
        // Not `println!` or `eprintln!`, which the test harness keeps to itself.
        std::io::stderr().write_all(b"skipped: ICECAP_TEST_ASSETS is not set\n").unwrap();
    }
    folder.map(|folder| PathBuf::from(folder).join("golden"))
}

/// What goes in, and what Keras made of it.
struct Case {
    x: Tensor,
    y: Vec<u32>,
    start: [Tensor; 2],
    first_gradients: Option<[Tensor; 2]>,
    losses: Tensor,
    end: [Tensor; 2],
}

impl Case {
    /// Reads a file whose inputs' and results' names start with these.
    fn read(path: &Path, inputs: &str, results: &str) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensor = |name: &str| {
            let view = file.tensor(name).unwrap();
            assert_eq!(view.dtype(), Dtype::F32);
            let values: Vec<f32> =
                view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
            Tensor::from_slice(Shape::new(view.shape()).unwrap(), &values).unwrap()
        };
        let y = file.tensor(&format!("{inputs}y")).unwrap();
        assert_eq!(y.dtype(), Dtype::I64);
        let label = |b: &[u8]| u32::try_from(i64::from_le_bytes(b.try_into().unwrap())).unwrap();
        let pair = |prefix: &str, names: [&str; 2]| names.map(|name| tensor(&format!("{prefix}{name}")));
        let has_gradients = file.tensor(&format!("{inputs}d_kernel0")).is_ok();
        Self {
            x: tensor(&format!("{inputs}x")),
            y: y.data().chunks_exact(8).map(label).collect(),
            start: pair(inputs, ["kernel0", "bias0"]),
            first_gradients: has_gradients.then(|| pair(inputs, ["d_kernel0", "d_bias0"])),
            losses: tensor(&format!("{results}losses")),
            end: pair(results, ["kernel", "bias"]),
        }
    }

    /// Takes the steps that Keras took; returns the losses and the head.
    fn run(&self, optimizer: &mut dyn Optimizer, rate: f32) -> (Vec<f32>, [Tensor; 2]) {
        let columns = self.start[1].data().len();
        let loss = Loss::for_classes(columns.max(2));
        let batch = self.y.len() as u32 / 3;
        let (mut head, mut workspace) = (self.start.clone(), Workspace::new());
        let mut losses = Vec::new();
        for step in 0..self.losses.data().len() as u32 {
            let rows: Vec<u32> = (batch * (step % 3)..).take(batch as usize).collect();
            let labels: Vec<u32> = rows.iter().map(|&row| self.y[row as usize]).collect();
            let mut tape = Tape::new(&mut workspace);
            let [kernel, bias] = tape.parameters(&head);
            let input = tape.gather(self.x.view(), &rows).unwrap();
            let logits = tape.apply(Dense, &[input, kernel, bias]).unwrap();
            let loss = tape.apply(CrossEntropy::new(loss, &labels), &[logits]).unwrap();
            losses.push(tape.value(loss).unwrap().data()[0]);
            let gradients = tape.backward(loss).unwrap();
            if let Some(expected) = self.first_gradients.as_ref().filter(|_| step == 0) {
                for (gradient, expected) in gradients.iter().zip(expected) {
                    assert!(worst(gradient.data(), expected.data(), false) < 1e-7);
                }
            }
            optimizer.step(&mut head, &gradients, rate).unwrap();
            workspace.recycle(gradients);
        }
        (losses, head)
    }

    /// Takes the steps, prints how far they end from Keras' and holds them to `limit`; returns the kernel.
    fn check(&self, name: &str, rule: &str, limit: f64) -> Tensor {
        let (mut optimizer, rate): (Box<dyn Optimizer>, f32) = match rule {
            "adam" => (Box::new(Adam::default()), 1e-3),
            "adamw" => (Box::new(AdamW::default()), 1e-3),
            "adamw_long" => (Box::new(AdamW::new(Adam::default(), 0.1).unwrap()), 1e-3),
            "sgd" => (Box::new(Sgd::new(0.9, false).unwrap()), 1e-2),
            "rmsprop" => (Box::new(RmsProp::default()), 1e-3),
            _ => panic!("no rule {rule}"),
        };
        let (losses, head) = self.run(optimizer.as_mut(), rate);
        let steps = losses.len();
        let losses = worst(&losses, self.losses.data(), true);
        let [kernel, bias] = [0, 1].map(|part| worst(head[part].data(), self.end[part].data(), false));
        println!("{name}: {steps} steps; losses {losses:.1e} relative, kernel {kernel:.1e}, bias {bias:.1e}");
        assert_eq!(steps, if rule == "adamw_long" { 200 } else { 9 });
        assert!(losses <= 1e-6 && kernel <= limit && bias <= limit, "{name}");
        let [kernel, _] = head;
        kernel
    }
}

fn worst(got: &[f32], expected: &[f32], relative: bool) -> f64 {
    assert_eq!(got.len(), expected.len());
    let difference = |(&got, &expected): (&f32, &f32)| {
        let (got, expected) = (f64::from(got), f64::from(expected));
        (got - expected).abs() / if relative { expected.abs() } else { 1.0 }
    };
    got.iter().zip(expected).map(difference).fold(0.0, |a, b| if b.is_nan() || b > a { b } else { a })
}

/// Adam's kernel and AdamW's must not be the same within what is allowed for each.
fn assert_apart(name: &str, adam: &Tensor, adamw: &Tensor) {
    let apart = worst(adam.data(), adamw.data(), false);
    println!("{name}: kernels of Adam and AdamW differ by {apart:.1e}");
    assert!(apart > 2e-6);
}

#[test]
fn steps_on_1280_features_end_where_keras_ends() {
    let Some(folder) = assets() else { return };
    for head in ["head_binary", "head_five"] {
        let [adam, adamw, ..] = ["adam", "adamw", "adamw_long", "sgd", "rmsprop"].map(|rule| {
            let name = format!("{head}_{rule}");
            let case = Case::read(&folder.join(format!("{name}.safetensors")), "", "");
            case.check(&name, rule, if rule == "adamw_long" { 1e-5 } else { 1e-6 })
        });
        assert_apart(head, &adam, &adamw);
    }
}

#[test]
fn steps_on_sixteen_features_end_where_keras_ends() {
    let path = committed().join("keras_head.safetensors");
    for head in ["binary", "three"] {
        let [adam, adamw, ..] = ["adam", "adamw", "sgd", "rmsprop"].map(|rule| {
            let name = format!("{head}/{rule}");
            Case::read(&path, &format!("{head}/"), &format!("{name}/")).check(&name, rule, 1e-6)
        });
        assert_apart(head, &adam, &adamw);
    }
}
