//! Two classifiers on the same photos, and what a count of photos proves.

/// Returns the two-sided p-value of McNemar's exact test: how likely two equally good classifiers would differ at least
/// as much on the photos that only one of them gets right.
///
/// If neither is better, a fair coin gives each of these `n` photos to one of the two, so with `k` the smaller count
///
/// ```text
/// p = min(1, 2 * sum over i <= k of binomial(n, i) / 2^n)
/// ```
///
/// It is 1 if no photo tells the two apart.
///
/// # Source
/// McNemar, "Note on the sampling error of the difference between correlated proportions", 1947.
#[must_use]
pub fn mcnemar(only_first: u64, only_second: u64) -> f64 {
    let (n, k) = (only_first + only_second, only_first.min(only_second));
    if n == 0 {
        return 1.0;
    }
    // The last term by its logarithm, the others from it: the first ones of a long sum are below what an f64 holds.
    let chosen: f64 = (1..=k).map(|i| ((n - k + i) as f64 / i as f64).ln()).sum();
    let mut term = (chosen - n as f64 * std::f64::consts::LN_2).exp();
    let mut sum = 0.0;
    for i in (0..=k).rev() {
        sum += term;
        term *= i as f64 / (n - i + 1) as f64;
        if term <= sum * f64::EPSILON {
            break;
        }
    }
    (2.0 * sum).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formula in whole numbers.
    fn exact(a: u64, b: u64) -> f64 {
        let n = a + b;
        let choose = |i: u64| (0..i).fold(1_u128, |c, j| c * u128::from(n - j) / u128::from(j + 1));
        let sum: u128 = (0..=a.min(b)).map(choose).sum();
        (2.0 * sum as f64 / 2.0_f64.powi(n as i32)).min(1.0)
    }

    #[test]
    fn it_is_the_binomial_sum() {
        for a in 0..40 {
            for b in 0..40 {
                let (got, expected) = (mcnemar(a, b), exact(a, b));
                assert!((got - expected).abs() <= 1e-12 * expected.max(1e-300), "{a} {b}: {got} {expected}");
                assert_eq!(got, mcnemar(b, a));
            }
        }
        // 2 * (1 + 10) / 1024, by hand.
        assert!((mcnemar(1, 9) - 22.0 / 1024.0).abs() < 1e-15);
        assert_eq!(mcnemar(0, 0), 1.0);
        let many = mcnemar(1_000_000, 1_002_000);
        assert!((0.15..0.17).contains(&many), "{many}");
        assert!(mcnemar(0, 5000) >= 0.0);
    }
}
