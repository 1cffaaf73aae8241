//! How sure an accuracy is: Wilson's interval for a share.
//!
//! A classifier is right on r of n photos. On n other photos it would be right a few times more or less, and with 153
//! photos that is 5 points to either side. The plain interval (`p +- 1.96 sqrt(p (1 - p) / n)`) has length 0 if all are
//! right; Wilson's asks which true shares would make r of n no surprise, and stays between 0 and 1:
//!
//! ```text
//! (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n),    p = r / n,  z = 1.96
//! ```
//!
//! # Source
//! Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927; Brown, Cai, DasGupta,
//! "Interval estimation for a binomial proportion", Statistical Science 2001.

/// The normal distribution's 97.5th percentile.
const Z: f64 = 1.959_963_984_540_054;

/// Returns the 95 % interval of a share of which `right` of `all` were seen; 0 to 1 if `all` is 0.
#[must_use]
pub fn interval(right: usize, all: usize) -> [f64; 2] {
    if all == 0 {
        return [0.0, 1.0];
    }
    let (n, p) = (all as f64, right as f64 / all as f64);
    let middle = p + Z * Z / (2.0 * n);
    let reach = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    [middle - reach, middle + reach].map(|end| (end / (1.0 + Z * Z / n)).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ends are the shares p at which (r/n - p)^2 = z^2 p (1 - p) / n.
    #[test]
    fn the_ends_solve_wilsons_equation() {
        for (right, all) in [(0, 1), (1, 1), (3, 10), (137, 153), (50, 100), (9_999, 10_000)] {
            for end in interval(right, all) {
                let seen = right as f64 / all as f64;
                let off = (seen - end).powi(2) - Z * Z * end * (1.0 - end) / all as f64;
                assert!(off.abs() < 1e-12, "{right} of {all}: {end}");
            }
        }
        let [low, high] = interval(137, 153);
        assert!((low - 0.837).abs() < 1e-3 && (high - 0.935).abs() < 1e-3, "{low} {high}");
        assert_eq!(interval(0, 0), [0.0, 1.0]);
        assert_eq!((interval(5, 5)[1], interval(0, 5)[0]), (1.0, 0.0));
    }
}
