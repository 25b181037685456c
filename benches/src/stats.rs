//! The statistics of the reports: order statistics, and the test that tells a change from noise.

/// The quantile `q` between 0 and 1, by linear interpolation; NaN of nothing.
pub fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = q * last as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// The median.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The smallest value; NaN of nothing.
pub fn min(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NAN, f64::min)
}

/// The distance of the quartiles over the median.
pub fn spread(values: &[f64]) -> f64 {
    let median = median(values);
    if median == 0.0 {
        return 0.0;
    }
    (quantile(values, 0.75) - quantile(values, 0.25)) / median
}

/// The geometric mean of positive values.
pub fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp()
}

/// The probability that `new` would come out as large against `base` as it did if both were drawn
/// from one distribution: the one-sided test of Mann and Whitney.
///
/// It knows nothing of the distribution's form, so it holds for times, whose tail is long. Exact up
/// to 40 values on each side without ties, else by the normal approximation with corrections for
/// ties and continuity.
pub fn larger_by_chance(new: &[f64], base: &[f64]) -> f64 {
    const EXACT: usize = 40;
    let (n, m) = (new.len(), base.len());
    if n == 0 || m == 0 {
        return 1.0;
    }
    // U: how many pairs have the new value above the base's; a tie counts half.
    let mut u = 0.0;
    let mut tied_pairs = false;
    for x in new {
        for y in base {
            if x > y {
                u += 1.0;
            } else if x == y {
                u += 0.5;
                tied_pairs = true;
            }
        }
    }
    if !tied_pairs && n <= EXACT && m <= EXACT {
        return at_least(u as usize, n, m);
    }
    let (n, m) = (n as f64, m as f64);
    let total = n + m;
    let mut all: Vec<f64> = new.iter().chain(base).copied().collect();
    all.sort_by(f64::total_cmp);
    let ties: f64 = all
        .chunk_by(|x, y| x == y)
        .map(|tie| (tie.len() as f64).powi(3) - tie.len() as f64)
        .sum();
    let variance = n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    if variance <= 0.0 {
        return 1.0;
    }
    upper_tail((u - n * m / 2.0 - 0.5) / variance.sqrt())
}

/// The smallest probability that `larger_by_chance` can find with so many values.
pub fn smallest_probability(new: usize, base: usize) -> f64 {
    at_least(new * base, new, base)
}

/// The probability that U is `u` or more, by counting the orders of n + m values that yield it.
fn at_least(u: usize, n: usize, m: usize) -> f64 {
    // ways[j][k]: orders of i new and j base values with U = k. The largest is either new, and then
    // above all j of the base, or of the base, and then it adds nothing.
    let mut ways = vec![vec![0.0; n * m + 1]; m + 1];
    for row in &mut ways {
        row[0] = 1.0;
    }
    for _ in 0..n {
        let before = ways.clone();
        for j in 0..=m {
            for k in 0..=n * m {
                let new_on_top = if k >= j { before[j][k - j] } else { 0.0 };
                let base_on_top = if j > 0 { ways[j - 1][k] } else { 0.0 };
                ways[j][k] = new_on_top + base_on_top;
            }
        }
    }
    let counts = &ways[m];
    counts[u..].iter().sum::<f64>() / counts.iter().sum::<f64>()
}

/// The probability that a standard normal variable is above `z`: the approximation 7.1.26 of
/// Abramowitz and Stegun, good to 1e-7.
fn upper_tail(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let series = [
        1.061_405_429,
        -1.453_152_027,
        1.421_413_741,
        -0.284_496_736,
        0.254_829_592,
    ]
    .iter()
    .fold(0.0, |sum, factor| sum * t + factor);
    let above = series * t * (-x * x).exp() / 2.0;
    if z >= 0.0 { above } else { 1.0 - above }
}

/// Which of the hypotheses with these probabilities are rejected, if the probability to reject any
/// true one is to stay below `alpha`: Holm's procedure.
pub fn holm(probabilities: &[f64], alpha: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
    let mut rejected = vec![false; probabilities.len()];
    for (rank, &i) in order.iter().enumerate() {
        if probabilities[i] > alpha / (order.len() - rank) as f64 {
            break;
        }
        rejected[i] = true;
    }
    rejected
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(x: f64, y: f64) -> bool {
        (x - y).abs() <= 1e-6 * y.abs().max(1.0)
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(quantile(&[0.0, 10.0], 0.25), 2.5);
        assert_eq!(quantile(&[7.0], 0.99), 7.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn spread_is_relative_to_the_median() {
        assert_eq!(spread(&[1.0, 2.0, 3.0, 4.0, 5.0]), 2.0 / 3.0);
        assert_eq!(spread(&[0.0, 0.0]), 0.0);
        assert_eq!(min(&[3.0, 1.0, 2.0]), 1.0);
        assert!(near(geometric_mean(&[1.0, 100.0]), 10.0));
    }

    #[test]
    fn exact_probabilities_are_those_of_the_tables() {
        // Wholly apart: one order of C(6, 3) and of C(10, 5).
        assert!(near(
            larger_by_chance(&[4.0, 5.0, 6.0], &[1.0, 2.0, 3.0]),
            1.0 / 20.0
        ));
        assert!(near(smallest_probability(5, 5), 1.0 / 252.0));
        // The table's critical value for n = m = 5 is U = 2 on the small side at 0.025: 4 / 252.
        assert!(near(at_least(23, 5, 5), 4.0 / 252.0));
        // n = 2, m = 3: U = 5 in 2 of 10 orders.
        assert!(near(at_least(5, 2, 3), 2.0 / 10.0));
        assert!(near(at_least(0, 7, 4), 1.0));
    }

    #[test]
    fn the_approximation_agrees_with_the_exact_count() {
        let base: Vec<f64> = (0..15).map(|i| f64::from(i) * 2.0).collect();
        let new: Vec<f64> = (0..15).map(|i| f64::from(i) * 2.0 + 9.0).collect();
        let exact = larger_by_chance(&new, &base);
        // One tie sends the same samples down the other path.
        let mut tied = new.clone();
        tied[0] = base[4];
        let normal = larger_by_chance(&tied, &base);
        assert!((exact - normal).abs() < 0.01, "{exact} {normal}");
        assert!(exact < 0.05);
    }

    #[test]
    fn equal_samples_are_no_evidence() {
        assert!(larger_by_chance(&[1.0; 15], &[1.0; 15]) >= 0.5);
        assert!(larger_by_chance(&[], &[1.0]) == 1.0);
        let same: Vec<f64> = (0..15).map(f64::from).collect();
        assert!(larger_by_chance(&same, &same) > 0.4);
    }

    #[test]
    fn the_normal_tail_is_that_of_the_tables() {
        assert!((upper_tail(0.0) - 0.5).abs() < 1e-6);
        assert!((upper_tail(1.959_964) - 0.025).abs() < 1e-6);
        assert!((upper_tail(-1.644_854) - 0.95).abs() < 1e-6);
    }

    #[test]
    fn holm_rejects_in_order_and_stops_at_the_first_that_holds() {
        assert_eq!(
            holm(&[0.01, 0.04, 0.03, 0.005], 0.05),
            [true, false, false, true]
        );
        assert_eq!(holm(&[0.2], 0.05), [false]);
        assert!(holm(&[], 0.05).is_empty());
    }
}
