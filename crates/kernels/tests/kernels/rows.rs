//! Every row of the registry that this processor runs, each under its own name.

use std::collections::BTreeSet;

use icecap_kernels::{Isa, Operation, kernels};

use crate::subject::{Subject, finish, runs_here};
use crate::{dense, depthwise, integers, jpeg, pointwise, pool, resize, scale, stem};
use crate::{depthwise_gradient, pointwise_gradient, pool_gradient};

/// What forces the rows of an operation through shapes under, at and over their tile and through every geometry of
/// MobileNetV2. An operation without such a test fails here.
fn check(operation: Operation, rows: &[Subject]) {
    match operation {
        Operation::Pointwise => pointwise::check(rows),
        Operation::DepthwiseStride1 => depthwise::check(rows, 1),
        Operation::DepthwiseStride2 => depthwise::check(rows, 2),
        Operation::Scale => scale::check(rows),
        Operation::Stem => stem::check(rows),
        Operation::Pool => pool::check(rows),
        Operation::Dense => dense::check(rows),
        Operation::Resize => resize::check(rows),
        Operation::InverseDct => jpeg::check_inverse(rows),
        Operation::Triangle => jpeg::check_triangle(rows),
        Operation::YccToRgb => jpeg::check_color(rows),
        Operation::PointwiseGradient => pointwise_gradient::check(rows),
        Operation::DepthwiseGradientStride1 => depthwise_gradient::check(rows, 1),
        Operation::DepthwiseGradientStride2 => depthwise_gradient::check(rows, 2),
        Operation::PoolGradient => pool_gradient::check(rows),
        Operation::IntegerStem => integers::check_stem(rows),
        Operation::IntegerExpand => integers::check_expand(rows),
        Operation::IntegerDepthwiseStride1 => integers::check_depthwise(rows, 1),
        Operation::IntegerDepthwiseStride2 => integers::check_depthwise(rows, 2),
        Operation::IntegerProject => integers::check_project(rows),
        Operation::IntegerLast => integers::check_last(rows),
        _ => panic!("no test is written for the operation {operation:?}"),
    }
}

#[test]
fn every_row_of_the_registry_agrees_with_the_oracle_under_its_own_name() {
    let best = Isa::best();
    let all = kernels();
    let names: BTreeSet<&str> = all.iter().map(|kernel| kernel.name).collect();
    assert_eq!(names.len(), all.len(), "two kernels of one name");
    let mut operations: Vec<Operation> = Vec::new();
    for kernel in &all {
        if !operations.contains(&kernel.operation) {
            operations.push(kernel.operation);
        }
        if !runs_here(kernel) {
            println!("not run on this processor: {}", kernel.name);
        }
    }
    // An operation to a thread: the largest, pointwise, is the first.
    let forced: Vec<(Operation, Vec<String>, Result<(), String>)> = std::thread::scope(|scope| {
        let running: Vec<_> = operations
            .iter()
            .map(|&operation| {
                scope.spawn(move || {
                    let rows = Subject::rows(operation);
                    check(operation, &rows);
                    let failures: Vec<String> = rows.iter().filter_map(|row| row.outcome().err()).collect();
                    let names = rows.iter().map(|row| row.name.clone()).collect();
                    if failures.is_empty() {
                        finish(&rows, 1);
                        return (operation, names, Ok(()));
                    }
                    (operation, names, Err(failures.join("\n")))
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let failures: Vec<&String> = forced.iter().filter_map(|(.., outcome)| outcome.as_ref().err()).collect();
    assert!(failures.is_empty(), "rows that disagree with the oracle:\n{failures:#?}");
    for (operation, names, _) in &forced {
        assert!(names.iter().any(|name| name.ends_with("portable")), "{operation:?} has a portable row");
    }
    let forced: BTreeSet<&str> = forced.iter().flat_map(|(_, names, _)| names).map(String::as_str).collect();
    let runnable: BTreeSet<&str> =
        all.iter().filter(|kernel| runs_here(kernel)).map(|kernel| kernel.name).collect();
    println!("{} rows forced of {} that run on {best}; {} in all", forced.len(), runnable.len(), all.len());
    assert_eq!(forced, runnable, "rows forced, and rows that this processor runs");
}
