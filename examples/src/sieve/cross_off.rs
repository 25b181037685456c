//! Crossing off the multiples of one prime: the two inner loops.
//!
//! Both are compiled once for each of the eight [`Class`]es, so that masks and
//! carries are constants in them.

use super::wheel::{CLASSES, Class, FIRST_RESIDUE_FROM, GAPS, NUMBERS_PER_BYTE, RESIDUES};

/// Crosses off whole turns of the wheel: for small and middle primes.
///
/// A turn is eight multiples of `p = 30 q + RESIDUES[CLASS]` and spans `p`
/// bytes. Every turn that begins in `turn..end` is crossed off whole, also
/// where it reaches beyond `end`; that is what saves a test after every bit.
/// Returns where the next turn begins.
///
/// # Panics
///
/// If `bits` does not go on for at least `p` bytes after `end`.
#[inline]
pub fn whole_turns<const CLASS: usize>(
    bits: &mut [u8],
    mut turn: usize,
    end: usize,
    q: usize,
) -> usize {
    const { assert!(CLASS < CLASSES.len()) };
    let class: Class = const { CLASSES[CLASS] };
    assert!(end <= bits.len(), "the end is beyond the bits");
    let room = bits.len() - end;
    // The product does not overflow: 30 q is no more than the room is.
    assert!(q <= room / NUMBERS_PER_BYTE as usize, "no room for a turn");
    let p = q * NUMBERS_PER_BYTE as usize + RESIDUES[CLASS] as usize;
    assert!(p <= room, "no room for a turn");
    let offsets: [usize; 8] =
        std::array::from_fn(|j| q * RESIDUES[j] as usize + class.carry[j] as usize);
    while turn < end {
        for (offset, keep) in offsets.iter().zip(class.keep) {
            // SAFETY: `turn < end`, and the offset is `p * r / 30` with a residue
            // `r < 30`, thus less than `p`; so the sum is less than `end + p`, which
            // the assertions above have found to be within `bits`. (With checked
            // indices, counting to 5,000,000,000 takes half as long again.)
            let byte = unsafe { bits.get_unchecked_mut(turn + offset) };
            *byte &= keep;
        }
        turn += p;
    }
    turn
}

/// Crosses off multiple by multiple: for primes that meet a segment only a few
/// times. `bits` begins at byte number `first_byte`.
#[inline]
pub fn one_by_one<const CLASS: usize>(bits: &mut [u8], first_byte: u64, q: u64) {
    const { assert!(CLASS < CLASSES.len()) };
    let class: Class = const { CLASSES[CLASS] };
    let p = q * NUMBERS_PER_BYTE + RESIDUES[CLASS];
    // The first multiple p * k in the segment with k at least p and coprime to 30.
    let k = (first_byte * NUMBERS_PER_BYTE).div_ceil(p).max(p);
    let (turn, remainder) = (k / NUMBERS_PER_BYTE, k % NUMBERS_PER_BYTE);
    let mut j = FIRST_RESIDUE_FROM[remainder as usize] as usize;
    let mut at = (p * turn + q * RESIDUES[j] + class.carry[j] - first_byte) as usize;
    while at < bits.len() {
        bits[at] &= class.keep[j];
        at += (q * GAPS[j] + class.step[j]) as usize;
        j = (j + 1) % 8;
    }
}
