//! Numbers that nobody has to be unable to predict.

use std::cell::Cell;

/// Steele, Lea and Flood's SplitMix64: each number follows from the seed alone, on any machine.
#[derive(Debug)]
pub(super) struct Generator(Cell<u64>);

impl Generator {
    pub(super) fn new(seed: u64) -> Generator {
        Generator(Cell::new(seed))
    }

    pub(super) fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// The number that follows this one, which is not 0, by Marsaglia's xorshift: for where a few
/// instructions count.
pub(super) fn xorshift(mut x: u32) -> u32 {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    x
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_paper() {
        // The first ones of its reference implementation for this seed.
        let generator = Generator::new(1_234_567);
        let numbers = [(); 3].map(|()| generator.next());
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!(numbers, expected);
    }
}
