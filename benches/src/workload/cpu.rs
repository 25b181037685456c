//! Tasks that compute.

use crate::runtime::Runtime;
use std::hint::black_box;

/// How many steps of `compute` take a microsecond, give or take the processor: a step is six cycles
/// after another, here of 2.6 GHz. It is a constant so that all have the same work to do, which a
/// clock would cut short where threads are kept from their cores.
pub const STEPS_PER_MICRO: u64 = 430;

/// How many steps a task computes: one to two milliseconds.
const STEPS: u64 = 1_500 * STEPS_PER_MICRO;

/// `tasks` tasks compute something for a millisecond or two.
pub async fn cpu_bound<R: Runtime>(tasks: usize) {
    let joins: Vec<_> = (0..tasks as u64)
        .map(|seed| R::spawn(async move { compute(seed, STEPS) }))
        .collect();
    for join in joins {
        black_box(join.await);
    }
}

/// A chain of so many multiplications (by the numbers of Knuth's MMIX generator): no memory, nothing
/// to vectorise. Without the shift several steps come to one multiplication, and LLVM knows.
pub fn compute(seed: u64, steps: u64) -> u64 {
    (0..steps).fold(black_box(seed), |x, _| {
        (x ^ (x >> 32))
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407)
    })
}
