//! The primes up to the square root of the limit, by the sieve of Eratosthenes.

/// All odd primes up to `limit`, ascending.
pub fn odd_primes_up_to(limit: u64) -> Vec<u64> {
    // `composite[i]` speaks of the number 2 i + 1.
    let len = limit.div_ceil(2) as usize;
    let mut composite = vec![false; len];
    let mut primes = Vec::new();
    for i in 1..len {
        if composite[i] {
            continue;
        }
        let p = 2 * i + 1;
        primes.push(p as u64);
        for multiple in (p * p / 2..len).step_by(p) {
            composite[multiple] = true;
        }
    }
    primes
}
