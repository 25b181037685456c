//! What chance decides, by the seed.

use crate::scheduler::random::Generator;
use std::{
    cell::RefCell,
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

impl Generator {
    /// A number below `limit`, which is not 0.
    pub(super) fn below(&self, limit: usize) -> usize {
        // The upper half of a product: as even as anybody could see, without a division.
        ((u128::from(self.next()) * limit as u128) >> 64) as usize
    }

    /// Yes, with this probability.
    pub(super) fn is_so(&self, probability: f64) -> bool {
        // As many bits as a float between 0 and 1 has.
        const BITS: u32 = 53;
        let number = (self.next() >> (u64::BITS - BITS)) as f64 / (1_u64 << BITS) as f64;
        number < probability
    }

    /// A duration up to this one, in nanoseconds.
    pub(super) fn up_to(&self, most: Duration) -> u64 {
        let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        match most {
            0 => 0,
            most => ((u128::from(self.next()) * (u128::from(most) + 1)) >> 64) as u64,
        }
    }
}

/// A number that nobody has chosen, for outside of simulations.
pub(crate) fn unseeded() -> u64 {
    // Its keys are the only randomness that std has.
    RandomState::new().build_hasher().finish()
}

/// One of so many seeds tries the order of a scheduler with priorities instead of one without:
/// there one worker falls far behind the others, as none does by an even choice.
const BY_PRIORITY: u64 = 4;

/// Between two changes of a priority, so many steps on average.
const STEPS_TO_A_CHANGE: usize = 40;

/// Who of those that may is the next to take a step.
#[derive(Debug)]
pub(super) struct Order {
    /// By the number of who steps; `None` if each of them is as likely.
    priorities: Option<RefCell<Vec<u64>>>,
}

impl Order {
    pub(super) fn of(chance: &Generator) -> Order {
        let by_priority = chance.next().is_multiple_of(BY_PRIORITY);
        Order {
            priorities: by_priority.then(RefCell::default),
        }
    }

    /// Returns the place of one of these numbers, of which there is one.
    pub(super) fn choose(&self, numbers: &[usize], chance: &Generator) -> usize {
        let Some(priorities) = &self.priorities else {
            return chance.below(numbers.len());
        };
        let mut priorities = priorities.borrow_mut();
        for &number in numbers {
            while priorities.len() <= number {
                priorities.push(chance.next());
            }
        }
        let best = (0..numbers.len()).max_by_key(|&place| priorities[numbers[place]]);
        let best = best.expect("there is one");
        // (Burckhardt et al., "A Randomized Scheduler with Probabilistic Guarantees of Finding
        // Bugs", 2010, change a few at random steps; here nobody knows how many steps there will
        // be.)
        if chance.below(STEPS_TO_A_CHANGE) == 0 {
            priorities[numbers[best]] = chance.next() >> 1;
        }
        best
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_below_its_limit_and_any_that_is() {
        let generator = Generator::new(1);
        let mut seen = [false; 5];
        (0..1_000).for_each(|_| seen[generator.below(5)] = true);
        assert_eq!(seen, [true; 5]);
        assert!((0..1_000).all(|_| generator.up_to(Duration::from_nanos(3)) <= 3));
        assert_eq!(generator.up_to(Duration::ZERO), 0);
        generator.up_to(Duration::MAX);
    }

    #[test]
    fn a_probability_is_kept() {
        let generator = Generator::new(1);
        let yes = (0..10_000).filter(|_| generator.is_so(0.25)).count();
        assert!((2_300..2_700).contains(&yes), "{yes}");
        assert!(!(0..1_000).any(|_| generator.is_so(0.0)));
        assert!((0..1_000).all(|_| generator.is_so(1.0)));
    }

    #[test]
    fn whoever_may_step_does_so_in_time_in_either_order() {
        for seed in 0..50 {
            let chance = Generator::new(seed);
            let order = Order::of(&chance);
            let mut steps = [0; 3];
            (0..10_000).for_each(|_| steps[order.choose(&[0, 1, 2], &chance)] += 1);
            assert!(steps.iter().all(|&steps| steps > 100), "{seed}: {steps:?}");
        }
    }
}
