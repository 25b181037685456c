//! The sieve against a naive one and against known counts.

use super::{MAX_LIMIT, Scratch, Sieve};

/// Counts all primes up to `limit`, segment by segment.
fn count(sieve: &Sieve) -> u64 {
    let mut scratch = Scratch::default();
    (0..sieve.segments())
        .map(|segment| sieve.count(segment, &mut scratch))
        .sum()
}

/// A sieve with smaller segments than it would choose, so that there are many.
fn with_segments_of(bytes: usize, limit: u64) -> Sieve {
    let mut sieve = Sieve::new(limit, 1);
    sieve.segment_bytes = bytes;
    sieve
}

/// `naive(limit)[n]` tells whether `n` is a prime.
fn naive(limit: usize) -> Vec<bool> {
    let mut prime = vec![true; limit + 1];
    prime[..2.min(limit + 1)].fill(false);
    for n in 2..=limit {
        if prime[n] {
            (n * n..=limit)
                .step_by(n)
                .for_each(|multiple| prime[multiple] = false);
        }
    }
    prime
}

#[test]
fn every_limit_up_to_2000_agrees_with_a_naive_sieve() {
    let prime = naive(2000);
    let mut expected = 0;
    for limit in 0..=2000 {
        expected += u64::from(prime[limit as usize]);
        assert_eq!(count(&Sieve::new(limit, 1)), expected, "up to {limit}");
    }
}

#[test]
fn segments_of_any_length_give_the_same_count() {
    const LIMIT: usize = 300_000;
    let expected = naive(LIMIT)
        .into_iter()
        .filter(|is_prime| *is_prime)
        .count() as u64;
    for bytes in [7, 64, 1_000, 4_096, 4_097, 9_999, 10_000, 10_001, 65_536] {
        let sieve = with_segments_of(bytes, LIMIT as u64);
        assert_eq!(count(&sieve), expected, "in segments of {bytes} bytes");
    }
}

#[test]
fn each_segment_agrees_with_a_naive_sieve() {
    const LIMIT: usize = 600_000;
    const BYTES: usize = 777;
    let prime = naive(LIMIT);
    let sieve = with_segments_of(BYTES, LIMIT as u64);
    let mut scratch = Scratch::default();
    for (segment, numbers) in prime.chunks(30 * BYTES).enumerate() {
        let expected = numbers.iter().filter(|is_prime| **is_prime).count() as u64;
        assert_eq!(
            sieve.count(segment as u64, &mut scratch),
            expected,
            "segment {segment}"
        );
    }
}

#[test]
fn limits_at_and_beside_squares_of_primes_are_counted_right() {
    let prime = naive(1_100_000);
    for p in [
        97, 101, 103, 107, 109, 113, 127, 1009, 1013, 1019, 1021, 1031, 1033, 1039,
    ] {
        for limit in [p * p - 1, p * p, p * p + 1] {
            let expected = prime[..=limit].iter().filter(|is_prime| **is_prime).count() as u64;
            assert_eq!(
                count(&Sieve::new(limit as u64, 4)),
                expected,
                "up to {limit}"
            );
        }
    }
}

#[test]
fn powers_of_ten_give_the_known_counts() {
    let known: &[u64] = &[
        4, 25, 168, 1_229, 9_592, 78_498, 664_579, 5_761_455, 50_847_534,
    ];
    // The last two take seconds without optimization.
    let known = if cfg!(debug_assertions) {
        &known[..7]
    } else {
        known
    };
    for (exponent, &expected) in (1..).zip(known) {
        assert_eq!(
            count(&Sieve::new(10_u64.pow(exponent), 16)),
            expected,
            "10^{exponent}"
        );
    }
}

/// Counts in a window of 9,000,000 numbers that ends below `limit`.
fn count_in_last_window(limit: u64, segment_bytes: usize) -> u64 {
    const WINDOW: u64 = 9_000_000;
    let sieve = with_segments_of(segment_bytes, limit);
    let numbers = 30 * segment_bytes as u64;
    assert_eq!((limit % numbers, WINDOW % numbers), (0, 0));
    let mut scratch = Scratch::default();
    let end = limit / numbers;
    (end - WINDOW / numbers..end)
        .map(|segment| sieve.count(segment, &mut scratch))
        .sum()
}

#[test]
fn the_last_nine_million_numbers_below_900_billion_are_counted_right() {
    // What `primesieve 899991000000 899999999999` counts.
    const EXPECTED: u64 = 326_985;
    assert_eq!(count_in_last_window(900_000_000_000, 300_000), EXPECTED);
    assert_eq!(count_in_last_window(900_000_000_000, 100_000), EXPECTED);
}

#[test]
fn nine_million_numbers_below_the_largest_limit_are_counted_right() {
    // What `primesieve 9999990000000 9999998999999` counts.
    const EXPECTED: u64 = 300_973;
    assert_eq!(count_in_last_window(9_999_999_000_000, 300_000), EXPECTED);
}

#[test]
#[should_panic(expected = "the largest possible is 10000000000000")]
fn a_limit_beyond_the_largest_panics() {
    let _ = Sieve::new(MAX_LIMIT + 1, 1);
}
