//! A segmented sieve of Eratosthenes that counts primes.
//!
//! The numbers up to the limit are cut into segments that fit into a core's
//! second-level cache. Each segment is sieved on its own, from a [`Sieve`] (the
//! primes up to the limit's square root, shared and never changed) and a
//! [`Scratch`] (the bitmap, one per thread). So segments can be tasks that run in
//! any order, and memory does not grow with the limit.
//!
//! | primes | how | file |
//! | --- | --- | --- |
//! | 2, 3, 5 | have no bits at all: one byte stands for 30 numbers | `wheel` |
//! | 7 to 97 | patterns | `presieve` |
//! | 101 to [`SMALL`] | whole turns, in blocks that fit into the first-level cache | `cross_off` |
//! | up to [`MIDDLE`] | whole turns, over the segment | `cross_off` |
//! | the rest | one by one, over the segment | `cross_off` |
//!
//! Rejected: to keep each prime's next multiple from segment to segment, as
//! primesieve does. It saves a division per prime and segment, but then segments
//! depend on each other and are not free to run anywhere.

mod base;
mod cross_off;
mod presieve;
mod wheel;

#[cfg(test)]
mod tests;

use std::ops::Range;

use cross_off::{one_by_one, whole_turns};
use presieve::Presieve;
use wheel::{BIT, NUMBERS_PER_BYTE, RESIDUES};

/// The largest limit: up to here a segment takes a few milliseconds, and all
/// arithmetic on multiples stays far from overflow.
pub const MAX_LIMIT: u64 = 10_000_000_000_000;

/// Bytes of a segment: three quarters of a 1 MiB second-level cache.
const SEGMENT: usize = 768 * 1024;

/// A segment is not made smaller than this for the sake of more tasks.
const MIN_SEGMENT: usize = 64 * 1024;

/// Bytes of a block: what small primes go over at a time.
const BLOCK: usize = 16 * 1024;

/// Below this a prime is small: it has several turns in a block.
const SMALL: u64 = 8 * 1024;

/// Below this a prime is middle: it has several turns in a segment.
const MIDDLE: u64 = 128 * 1024;

/// Room before and after a segment for turns that lie in it only in part.
const MARGIN: usize = MIDDLE as usize;

/// What all segments share: the limit, the patterns, the primes to cross off.
#[derive(Debug)]
pub struct Sieve {
    limit: u64,
    segment_bytes: usize,
    presieve: &'static Presieve,
    /// By class (index of `p % 30` in `RESIDUES`), each ascending, as `p / 30`.
    small: [Vec<u32>; 8],
    middle: [Vec<u32>; 8],
    large: [Vec<u32>; 8],
}

/// The memory in which segments are sieved, one after another.
#[derive(Debug, Default)]
pub struct Scratch {
    bits: Vec<u8>,
    /// Where the next turn of each small prime of one class begins.
    turns: Vec<u32>,
}

impl Sieve {
    /// Prepares to count the primes up to `limit`, in at least `parts` segments
    /// if there is work for so many.
    ///
    /// # Panics
    ///
    /// If `limit` is greater than [`MAX_LIMIT`].
    pub fn new(limit: u64, parts: usize) -> Sieve {
        assert!(
            limit <= MAX_LIMIT,
            "the limit is {limit}, the largest possible is {MAX_LIMIT}"
        );
        let bytes = limit / NUMBERS_PER_BYTE + 1;
        let share = bytes.div_ceil(parts.max(1) as u64).min(SEGMENT as u64) as usize;
        let mut sieve = Sieve {
            limit,
            segment_bytes: share.clamp(MIN_SEGMENT, SEGMENT),
            presieve: Presieve::shared(),
            small: Default::default(),
            middle: Default::default(),
            large: Default::default(),
        };
        for p in base::odd_primes_up_to(limit.isqrt()) {
            let size = match p {
                0..presieve::FIRST_AFTER => continue,
                presieve::FIRST_AFTER..SMALL => &mut sieve.small,
                SMALL..MIDDLE => &mut sieve.middle,
                MIDDLE.. => &mut sieve.large,
            };
            let class = BIT[(p % NUMBERS_PER_BYTE) as usize] as usize;
            size[class].push((p / NUMBERS_PER_BYTE) as u32);
        }
        sieve
    }

    /// How many segments there are.
    pub fn segments(&self) -> u64 {
        (self.limit / NUMBERS_PER_BYTE + 1).div_ceil(self.segment_bytes as u64)
    }

    /// How many primes the segment with this index holds.
    ///
    /// # Panics
    ///
    /// If there is no such segment.
    pub fn count(&self, segment: u64, scratch: &mut Scratch) -> u64 {
        assert!(
            segment < self.segments(),
            "there are {} segments",
            self.segments()
        );
        let first_byte = segment * self.segment_bytes as u64;
        let bits = self.sieve(first_byte, scratch);
        self.clear_beyond_limit(bits, first_byte);
        // 2, 3 and 5 have no bits.
        let without_bits = match segment {
            0 => [2, 3, 5].iter().filter(|p| **p <= self.limit).count() as u64,
            _ => 0,
        };
        without_bits + count_ones(bits)
    }

    /// Sieves the segment that begins with `first_byte`, and returns its bits.
    fn sieve<'a>(&self, first_byte: u64, scratch: &'a mut Scratch) -> &'a mut [u8] {
        let last_byte = self.limit / NUMBERS_PER_BYTE;
        let len = (last_byte + 1 - first_byte).min(self.segment_bytes as u64) as usize;
        scratch.bits.resize(MARGIN + self.segment_bytes + MARGIN, 0);
        let area = Area {
            first_byte,
            last_number: (first_byte + len as u64) * NUMBERS_PER_BYTE - 1,
            within: MARGIN..MARGIN + len,
        };
        self.presieve
            .fill(&mut scratch.bits[area.within.clone()], first_byte);
        area.cross_off::<0>(self, scratch);
        area.cross_off::<1>(self, scratch);
        area.cross_off::<2>(self, scratch);
        area.cross_off::<3>(self, scratch);
        area.cross_off::<4>(self, scratch);
        area.cross_off::<5>(self, scratch);
        area.cross_off::<6>(self, scratch);
        area.cross_off::<7>(self, scratch);
        &mut scratch.bits[area.within]
    }

    /// Clears the bits of numbers greater than the limit in the last byte.
    fn clear_beyond_limit(&self, bits: &mut [u8], first_byte: u64) {
        let last_byte = self.limit / NUMBERS_PER_BYTE - first_byte;
        if let Some(byte) = bits.get_mut(last_byte as usize) {
            for (bit, residue) in RESIDUES.iter().enumerate() {
                if *residue > self.limit % NUMBERS_PER_BYTE {
                    *byte &= !(1 << bit);
                }
            }
        }
    }
}

/// Where in the numbers and where in the scratch memory a segment lies.
struct Area {
    first_byte: u64,
    last_number: u64,
    within: Range<usize>,
}

impl Area {
    /// Crosses off the multiples of all primes of one class.
    fn cross_off<const CLASS: usize>(&self, sieve: &Sieve, scratch: &mut Scratch) {
        self.small_primes::<CLASS>(&sieve.small[CLASS], scratch);
        for &q in self.needed::<CLASS>(&sieve.middle[CLASS]) {
            let turn = self.first_turn::<CLASS>(q);
            whole_turns::<CLASS>(&mut scratch.bits, turn, self.within.end, q as usize);
        }
        let bits = &mut scratch.bits[self.within.clone()];
        for &q in self.needed::<CLASS>(&sieve.large[CLASS]) {
            one_by_one::<CLASS>(bits, self.first_byte, u64::from(q));
        }
    }

    fn small_primes<const CLASS: usize>(&self, primes: &[u32], scratch: &mut Scratch) {
        let primes = self.needed::<CLASS>(primes);
        let turns = &mut scratch.turns;
        turns.clear();
        turns.extend(primes.iter().map(|&q| self.first_turn::<CLASS>(q) as u32));
        for block in self.within.clone().step_by(BLOCK) {
            let end = (block + BLOCK).min(self.within.end);
            for (&q, turn) in primes.iter().zip(turns.iter_mut()) {
                let next = whole_turns::<CLASS>(&mut scratch.bits, *turn as usize, end, q as usize);
                *turn = next as u32;
            }
        }
    }

    /// Of primes of one class, those whose square is not beyond the segment.
    fn needed<'a, const CLASS: usize>(&self, primes: &'a [u32]) -> &'a [u32] {
        let count = primes.partition_point(|&q| prime::<CLASS>(q).pow(2) <= self.last_number);
        &primes[..count]
    }

    /// Where in the scratch memory the first turn begins that may reach into the
    /// segment: the turn of the segment's start, but never the one of the
    /// prime itself.
    fn first_turn<const CLASS: usize>(&self, q: u32) -> usize {
        let p = prime::<CLASS>(q);
        let turn = (self.first_byte / p).max(u64::from(q));
        (turn * p + MARGIN as u64 - self.first_byte) as usize
    }
}

fn prime<const CLASS: usize>(q: u32) -> u64 {
    u64::from(q) * NUMBERS_PER_BYTE + RESIDUES[CLASS]
}

fn count_ones(bits: &[u8]) -> u64 {
    let (words, rest) = bits.as_chunks::<8>();
    let words: u64 = words
        .iter()
        .map(|w| u64::from(u64::from_ne_bytes(*w).count_ones()))
        .sum();
    let rest: u64 = rest.iter().map(|b| u64::from(b.count_ones())).sum();
    words + rest
}
