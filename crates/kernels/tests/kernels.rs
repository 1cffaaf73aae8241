//! Every kernel of the registry against the oracle, over a lattice of shapes around its tile, on every instruction
//! set this processor runs.
//!
//! Two kinds of input: small integers, whose sums are exact in f32, compared bit for bit; and random reals, within
//! `2 (K + 1) eps sum|ab|`. Outputs start as NaN with guard values behind them, and so do the values that must not be
//! read.

use std::collections::BTreeSet;

use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{
    Blocked, BlockedMut, ConvGeometry, Epilogue, Isa, LINE, Layout, Operation, PackedDense, PackedDepthwise,
    PackedPointwise, PackedStem, Pads, Threads, dense, depthwise, kernels, oracle, pointwise, pool,
    scale_pixels, scaled_len, stem,
};

const SEED: u64 = 20_260;
const GUARD: f32 = 12_345.5;
const GUARDS: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Values {
    Integers,
    Reals,
}

fn draw(stream: &mut Stream, values: Values, len: usize) -> Vec<f32> {
    (0..len)
        .map(|_| match values {
            Values::Integers => stream.below(9) as f32 - 4.0,
            Values::Reals => stream.range(-1.0, 1.0),
        })
        .collect()
}

/// `len` NaNs with guards behind them.
fn guarded(len: usize) -> Vec<f32> {
    let mut data = vec![f32::NAN; len];
    data.resize(len + GUARDS, GUARD);
    data
}

fn check_guards(data: &[f32], case: &str) {
    assert!(data[data.len() - GUARDS..].iter().all(|v| *v == GUARD), "{case}: wrote behind its output");
}

/// `magnitude` is the sum of |a b| behind each output, `terms` how many there are.
fn compare(got: &[f32], expected: &[f64], magnitude: &[f64], terms: usize, values: Values, case: &str) {
    assert_eq!(got.len(), expected.len(), "{case}");
    for (index, ((&got, &expected), &magnitude)) in got.iter().zip(expected).zip(magnitude).enumerate() {
        let bound = match values {
            Values::Integers => 0.0,
            Values::Reals => 2.0 * (terms as f64 + 1.0) * f64::from(f32::EPSILON) * (magnitude + 1e-3),
        };
        let error = (f64::from(got) - expected).abs();
        assert!(error <= bound, "{case}: output {index} is {got}, expected {expected}, seed {SEED}");
    }
}

fn absolute(values: &[f32]) -> Vec<f32> {
    values.iter().map(|v| v.abs()).collect()
}

/// A blocked copy of an `H W C` image whose padding is zero and whose storage ends in NaN.
fn blocked(layout: Layout, image: &[f32]) -> Vec<f32> {
    let mut data = vec![f32::NAN; layout.len() + GUARDS];
    BlockedMut::new(layout, &mut data).read_hwc(image);
    data
}

fn hwc(layout: Layout, data: &[f32]) -> Vec<f32> {
    let mut image = vec![f32::NAN; layout.pixels() * layout.channels()];
    Blocked::new(layout, data).write_hwc(&mut image);
    image
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

fn around(tile: usize) -> Vec<usize> {
    let mut sizes = vec![1, tile.saturating_sub(1), tile, tile + 1, 2 * tile + 3];
    sizes.retain(|&size| size > 0);
    sizes.dedup();
    sizes
}

fn pads(top: usize, bottom: usize, left: usize, right: usize) -> Pads {
    Pads { top, bottom, left, right }
}

#[test]
fn pointwise_agrees_with_the_oracle() {
    let mut stream = Stream::new(SEED, Purpose::Test, 0, 0);
    let mut cases = 0;
    let threads = [Threads::serial(), Threads::new(3).unwrap()];
    for isa in Isa::available() {
        for (height, width) in
            around(14).into_iter().map(|w| (1, w)).chain([(5, 5), (7, 3), (13, 2), (2, 17)])
        {
            for k in [1, 3, 8, 16, 24, 33, 80] {
                for n in [1, 8, 16, 24, 32, 48, 70] {
                    for values in [Values::Integers, Values::Reals] {
                        for (index, pad) in [pads(0, 0, 0, 0), pads(1, 2, 1, 3)].into_iter().enumerate() {
                            let case =
                                format!("pointwise {isa} {height}x{width} {k}->{n} {values:?} {pad:?}");
                            let pixels = height * width;
                            let image = draw(&mut stream, values, pixels * k);
                            let weights = draw(&mut stream, values, k * n);
                            let bias = draw(&mut stream, values, n);
                            let added = draw(&mut stream, values, pixels * n);
                            let packed = PackedPointwise::pack(&weights, &bias, k, n);
                            let from = Layout::compact(k, height, width);
                            // The lanes above K are not read: they hold NaN here.
                            let mut input = blocked(from, &image);
                            for (at, value) in input[..from.len()].iter_mut().enumerate() {
                                if at / from.block_len() * LINE + at % LINE >= k {
                                    *value = f32::NAN;
                                }
                            }
                            let to = Layout::new(n, height, width, pad);

                            // What is added may have zeros around it, too.
                            let around = Layout::new(n, height, width, pads(0, index, index, 2 * index));
                            let residual = blocked(around, &added);
                            let exact = oracle::pointwise(&image, &weights, &bias);
                            let mut size =
                                oracle::pointwise(&absolute(&image), &absolute(&weights), &absolute(&bias));
                            size.iter_mut()
                                .zip(&added)
                                .for_each(|(size, added)| *size += f64::from(added.abs()));
                            for (name, epilogue) in [
                                ("linear", Epilogue::Linear),
                                ("relu6", Epilogue::Relu6),
                                ("add", Epilogue::Add(Blocked::new(around, &residual))),
                            ] {
                                let mut output = guarded(to.len());
                                let mut view = BlockedMut::new(to, &mut output);
                                view.clear_pads();
                                let input = Blocked::new(from, &input);
                                pointwise(
                                    &threads[index],
                                    isa,
                                    input,
                                    &packed,
                                    0..packed.panels(),
                                    epilogue,
                                    &mut view,
                                );
                                check_guards(&output, &case);
                                let expected: Vec<f64> = exact
                                    .iter()
                                    .zip(&added)
                                    .map(|(&v, &a)| match name {
                                        "relu6" => oracle::relu6(v),
                                        "add" => v + f64::from(a),
                                        _ => v,
                                    })
                                    .collect();
                                let got = hwc(to, &output);
                                compare(&got, &expected, &size, k + 2, values, &format!("{case} {name}"));
                                let outside = to.blocks() * (to.block_len() - pixels * LINE);
                                let zeros = output[..to.len()].iter().filter(|v| v.to_bits() == 0).count();
                                assert!(zeros >= outside, "{case}: wrote into the padding");
                                cases += 1;
                            }
                        }
                    }
                }
            }
        }
    }
    println!("pointwise: {cases} cases");
    assert!(cases > 1000);
}

#[test]
fn a_range_of_panels_and_any_number_of_threads_give_the_same_bits() {
    let mut stream = Stream::new(SEED, Purpose::Test, 1, 0);
    for isa in Isa::available() {
        for (side, k, n) in [(5, 40, 150), (9, 24, 144), (20, 16, 24), (3, 200, 320)] {
            let layout = Layout::compact(k, side, side);
            let input = blocked(layout, &draw(&mut stream, Values::Reals, side * side * k));
            let packed = PackedPointwise::pack(
                &draw(&mut stream, Values::Reals, k * n),
                &draw(&mut stream, Values::Reals, n),
                k,
                n,
            );
            let input = Blocked::new(layout, &input);
            let to = Layout::compact(n, side, side);
            let mut whole = guarded(to.len());
            let mut view = BlockedMut::new(to, &mut whole);
            pointwise(
                &Threads::serial(),
                isa,
                input,
                &packed,
                0..packed.panels(),
                Epilogue::Relu6,
                &mut view,
            );
            for count in [2, 3, 4] {
                let mut other = guarded(to.len());
                let mut view = BlockedMut::new(to, &mut other);
                let threads = Threads::new(count).unwrap();
                pointwise(&threads, isa, input, &packed, 0..packed.panels(), Epilogue::Relu6, &mut view);
                assert_eq!(bits(&whole), bits(&other), "{isa}, {count} threads");
            }
            for step in [1, 2, 3] {
                for first in (0..packed.panels()).step_by(step) {
                    let range = first..packed.panels().min(first + step);
                    let part = Layout::compact(n.min(range.end * LINE) - first * LINE, side, side);
                    let mut output = guarded(part.len());
                    let mut view = BlockedMut::new(part, &mut output);
                    pointwise(
                        &Threads::serial(),
                        isa,
                        input,
                        &packed,
                        range.clone(),
                        Epilogue::Relu6,
                        &mut view,
                    );
                    let expected = &whole[first * to.block_len()..][..part.len()];
                    assert_eq!(bits(&output[..part.len()]), bits(expected), "{isa}, panels {range:?}");
                }
            }
        }
    }
}

/// Shares of a narrow padded image start in the middle of rows.
#[test]
fn narrow_images_have_the_same_bits_for_any_number_of_threads() {
    let mut stream = Stream::new(SEED, Purpose::Test, 6, 0);
    let pools: Vec<Threads> = (1..=8).map(|count| Threads::new(count).unwrap()).collect();
    for isa in Isa::available() {
        for (width, (k, n)) in (1..=9).flat_map(|width| [(20, 40), (70, 48), (33, 200)].map(|kn| (width, kn)))
        {
            let height = 7;
            let image = draw(&mut stream, Values::Reals, height * width * k);
            let weights = draw(&mut stream, Values::Reals, k * n);
            let packed = PackedPointwise::pack(&weights, &draw(&mut stream, Values::Reals, n), k, n);
            let (from, to) =
                (Layout::compact(k, height, width), Layout::new(n, height, width, pads(1, 1, 1, 1)));
            let input = blocked(from, &image);
            let added = blocked(to, &draw(&mut stream, Values::Reals, height * width * n));
            let mut first: Option<Vec<u32>> = None;
            for threads in &pools {
                let mut output = vec![0.0; to.len()];
                let (input, epilogue) = (Blocked::new(from, &input), Epilogue::Add(Blocked::new(to, &added)));
                let mut view = BlockedMut::new(to, &mut output);
                pointwise(threads, isa, input, &packed, 0..packed.panels(), epilogue, &mut view);
                let got = bits(&output);
                let expected = first.get_or_insert_with(|| got.clone());
                assert!(got == *expected, "{isa} {height}x{width} {k}->{n}, {threads:?}");
            }
        }
    }
}

#[test]
fn depthwise_agrees_with_the_oracle() {
    let mut stream = Stream::new(SEED, Purpose::Test, 2, 0);
    let mut cases = 0;
    let paddings = [pads(1, 1, 1, 1), pads(0, 1, 0, 1), pads(2, 0, 1, 2), pads(0, 0, 0, 0)];
    for isa in Isa::available() {
        for stride in [1, 2] {
            for height in [1, 2, 3, 5, 8] {
                for width in [1, 2, 3, 4, 5, 7, 8, 11, 14, 17] {
                    for channels in [1, 8, 16, 24, 40] {
                        for pad in paddings {
                            let Ok(geometry) = ConvGeometry::new(height, width, stride, pad) else {
                                continue;
                            };
                            for values in [Values::Integers, Values::Reals] {
                                let relu6 = values == Values::Reals;
                                let case =
                                    format!("depthwise {isa} s{stride} {height}x{width}x{channels} {pad:?}");
                                let image = draw(&mut stream, values, height * width * channels);
                                let weights = draw(&mut stream, values, 9 * channels);
                                let bias = draw(&mut stream, values, channels);
                                let from = Layout::new(channels, height, width, pad);
                                let input = blocked(from, &image);
                                let packed = PackedDepthwise::pack(&weights, &bias, channels);
                                let (rows, columns) = geometry.output();
                                let to = Layout::compact(channels, rows, columns);
                                let mut output = guarded(to.len());
                                let view = &mut output[..to.len()];
                                let input = Blocked::new(from, &input);
                                depthwise(isa, &geometry, input, &packed, 0..packed.blocks(), relu6, view);
                                check_guards(&output, &case);
                                let act = |v: f64| if relu6 { oracle::relu6(v) } else { v };
                                let expected: Vec<f64> =
                                    oracle::depthwise(&geometry, &image, &weights, &bias)
                                        .into_iter()
                                        .map(act)
                                        .collect();
                                let size = oracle::depthwise(
                                    &geometry,
                                    &absolute(&image),
                                    &absolute(&weights),
                                    &absolute(&bias),
                                );
                                compare(&hwc(to, &output), &expected, &size, 10, values, &case);
                                // A plan asks for some blocks at a time.
                                let plane = to.block_len();
                                for block in 0..packed.blocks() {
                                    let lanes = LINE.min(channels - block * LINE);
                                    let part = Layout::new(lanes, height, width, pad);
                                    let input = &input.data()[block * part.len()..];
                                    let mut alone = guarded(plane);
                                    let view = &mut alone[..plane];
                                    let range = block..block + 1;
                                    depthwise(
                                        isa,
                                        &geometry,
                                        Blocked::new(part, input),
                                        &packed,
                                        range,
                                        relu6,
                                        view,
                                    );
                                    check_guards(&alone, &case);
                                    assert_eq!(
                                        bits(&alone[..plane]),
                                        bits(&output[block * plane..][..plane]),
                                        "{case}"
                                    );
                                }
                                cases += 1;
                            }
                        }
                    }
                }
            }
        }
    }
    println!("depthwise: {cases} cases");
    assert!(cases > 1000);
}

#[test]
fn the_stem_agrees_with_the_oracle() {
    let mut stream = Stream::new(SEED, Purpose::Test, 3, 0);
    let mut cases = 0;
    let (scale, shift) = ([0.25, 0.5, 2.0], [-1.0, 3.0, -2.0]);
    for isa in Isa::available() {
        for count in [1, 2, 5] {
            let threads = Threads::new(count).unwrap();
            for (height, width) in [(2, 2), (3, 5), (8, 9), (33, 32), (7, 61)] {
                for channels in [8, 16, 24, 32, 48] {
                    for pad in [pads(0, 1, 0, 1), pads(1, 1, 1, 1), pads(2, 1, 0, 3)] {
                        let geometry = ConvGeometry::new(height, width, 2, pad).unwrap();
                        let case = format!("stem {isa} {height}x{width}x{channels} {pad:?} {count} threads");
                        let pixels: Vec<u8> =
                            (0..height * width * 3).map(|_| (stream.below(16) * 4) as u8).collect();
                        let weights = draw(&mut stream, Values::Integers, 27 * channels);
                        let bias = draw(&mut stream, Values::Integers, channels);
                        let packed = PackedStem::pack(&weights, &bias, channels);
                        let (rows, columns) = geometry.output();
                        let to = Layout::new(channels, rows, columns, pads(1, 1, 1, 1));

                        let mut scaled = guarded(scaled_len(&geometry));
                        let len = scaled.len() - GUARDS;
                        scale_pixels(&threads, isa, &geometry, &pixels, (scale, shift), &mut scaled[..len]);
                        check_guards(&scaled, &case);
                        let floats: Vec<f32> = pixels.iter().map(|&p| f32::from(p)).collect();
                        let mut from_floats = guarded(len);
                        scale_pixels(
                            &threads,
                            isa,
                            &geometry,
                            &floats,
                            (scale, shift),
                            &mut from_floats[..len],
                        );
                        assert_eq!(
                            bits(&scaled),
                            bits(&from_floats),
                            "{case}: the doors for u8 and f32 differ"
                        );

                        let image: Vec<f32> =
                            floats.iter().enumerate().map(|(i, v)| v * scale[i % 3] + shift[i % 3]).collect();
                        for relu6 in [false, true] {
                            let mut output = guarded(to.len());
                            let mut view = BlockedMut::new(to, &mut output);
                            stem(&threads, isa, &geometry, &scaled[..len], &packed, relu6, &mut view);
                            check_guards(&output, &case);
                            let act = |v: f64| if relu6 { oracle::relu6(v) } else { v };
                            let expected: Vec<f64> = oracle::conv3x3(&geometry, &image, &weights, &bias)
                                .into_iter()
                                .map(act)
                                .collect();
                            let got = hwc(to, &output);
                            compare(&got, &expected, &vec![0.0; got.len()], 28, Values::Integers, &case);
                            cases += 1;
                        }
                    }
                }
            }
        }
    }
    println!("stem: {cases} cases");
    assert!(cases > 100);
}

#[test]
fn pooling_and_dense_agree_with_the_oracle() {
    let mut stream = Stream::new(SEED, Purpose::Test, 4, 0);
    for isa in Isa::available() {
        for (pixels, channels) in [(1, 1), (25, 40), (49, 1280), (7, 16), (4, 33)] {
            let image = draw(&mut stream, Values::Reals, pixels * channels);
            let layout = Layout::compact(channels, pixels, 1);
            let data = blocked(layout, &image);
            let mut output = guarded(channels);
            pool(isa, Blocked::new(layout, &data), &mut output[..channels]);
            check_guards(&output, "pool");
            let expected = oracle::pool(&image, channels);
            let size = oracle::pool(&absolute(&image), channels);
            compare(&output[..channels], &expected, &size, pixels, Values::Reals, &format!("pool {isa}"));
        }
        for (batch, k, n) in [(1, 1, 1), (3, 7, 1), (5, 1280, 1), (2, 1280, 1000), (4, 33, 17), (1, 16, 16)] {
            for values in [Values::Integers, Values::Reals] {
                let input = draw(&mut stream, values, batch * k);
                let weights = draw(&mut stream, values, k * n);
                let bias = draw(&mut stream, values, n);
                let packed = PackedDense::pack(&weights, &bias, k, n);
                let mut output = guarded(batch * n);
                dense(isa, &input, &packed, &mut output[..batch * n]);
                check_guards(&output, "dense");
                let expected = oracle::pointwise(&input, &weights, &bias);
                let size = oracle::pointwise(&absolute(&input), &absolute(&weights), &absolute(&bias));
                compare(
                    &output[..batch * n],
                    &expected,
                    &size,
                    k + 1,
                    values,
                    &format!("dense {isa} {k}->{n}"),
                );
                // A row's logits do not depend on the batch that it is in.
                for row in 0..batch {
                    let mut alone = vec![f32::NAN; n];
                    dense(isa, &input[row * k..][..k], &packed, &mut alone);
                    assert_eq!(
                        bits(&alone),
                        bits(&output[row * n..][..n]),
                        "dense {isa}: row {row} of {batch}"
                    );
                }
            }
        }
    }
}

/// A kernel added to the registry without a case above is found here.
#[test]
fn every_kernel_of_the_registry_has_an_operation_that_is_tested() {
    let tested = [
        Operation::Pointwise,
        Operation::DepthwiseStride1,
        Operation::DepthwiseStride2,
        Operation::Scale,
        Operation::Stem,
        Operation::Pool,
        Operation::Dense,
        // In its own file, where its oracle stands.
        Operation::Resize,
    ];
    let best = Isa::best();
    let (ran, skipped): (Vec<_>, Vec<_>) = kernels().into_iter().partition(|kernel| kernel.runs_on(best));
    for kernel in &skipped {
        println!("not on this processor: {}", kernel.name);
    }
    println!("{} kernels tested on {:?}", ran.len(), Isa::available());
    assert!(ran.iter().all(|kernel| tested.contains(&kernel.operation)));
    let portable = ran.iter().filter(|kernel| kernel.name.ends_with("portable")).count();
    assert!(portable >= tested.len(), "each operation has a portable form");
    let names: BTreeSet<&str> = kernels().iter().map(|kernel| kernel.name).collect();
    assert_eq!(names.len(), kernels().len(), "two kernels of one name");
    // The shapes above reach each of these: every count of panels, pixels and columns around their tiles. A kernel
    // that is not among them needs shapes of its own first.
    let reached = [
        "pointwise_f32_14x32_avx512",
        "pointwise_f32_14x16_avx512",
        "pointwise_f32_14x8_avx512",
        "pointwise_f32_6x16_avx2",
        "pointwise_f32_12x8_avx2",
        "pointwise_f32_4x8_portable",
        "depthwise3x3s1_f32_2x7x16c_avx512",
        "depthwise3x3s1_f32_2x5x16c_avx512",
        "depthwise3x3s1_f32_2x4x16c_avx512",
        "depthwise3x3s2_f32_1x7x16c_avx512",
        "depthwise3x3s2_f32_2x5x16c_avx512",
        "depthwise3x3s2_f32_2x4x16c_avx512",
        "depthwise3x3s1_f32_1x5x8c_avx2",
        "depthwise3x3s1_f32_2x2x8c_avx2",
        "depthwise3x3s2_f32_1x5x8c_avx2",
        "depthwise3x3s2_f32_2x2x8c_avx2",
        "depthwise3x3s1_f32_1x2x8c_portable",
        "depthwise3x3s2_f32_1x2x8c_portable",
        "scale_f32_48_avx512",
        "scale_f32_48_avx2",
        "scale_f32_48_portable",
        "stem3x3s2_f32_14x16_avx512",
        "stem3x3s2_f32_6x16_avx2",
        "stem3x3s2_f32_4x8_portable",
        "pool_f32_16c_avx512",
        "pool_f32_8c_avx2",
        "pool_f32_8c_portable",
        "dense_f32_1x16_avx512",
        "dense_f32_1x8_avx2",
        "dense_f32_1x8_portable",
        "resize_f32_rows_avx512",
        "resize_f32_rows_avx2",
        "resize_f32_rows_portable",
    ];
    let unknown: Vec<_> = names.iter().filter(|name| !reached.contains(name)).collect();
    assert!(unknown.is_empty(), "no test was written for the shapes of {unknown:?}");
}
