//! The smallest primes, crossed off by pattern.
//!
//! Their multiples repeat: for a group of primes the bytes have the product of
//! the primes as their period. One period of each group is made once; a piece
//! of a segment then begins as the AND of eight patterns, sixteen or
//! more bytes in one instruction, where crossing off goes byte by byte.

use std::sync::LazyLock;

use super::wheel::{NUMBERS_PER_BYTE, mask_of};

/// The groups: each product is near 33,000 bytes at most, so that all patterns
/// together stay in the second-level cache.
const GROUPS: [&[u64]; 8] = [
    &[7, 67, 71],
    &[11, 41, 73],
    &[13, 43, 59],
    &[17, 37, 53],
    &[19, 29, 61],
    &[23, 31, 47],
    &[79, 97],
    &[83, 89],
];

/// The smallest prime that is *not* in a group.
pub const FIRST_AFTER: u64 = 101;

/// So many bytes are filled at a time: each pattern is continued that far
/// beyond its period, and no piece has to wrap around in the middle.
const PIECE: usize = 4096;

/// The patterns of all groups.
#[derive(Debug)]
pub struct Presieve {
    patterns: [Pattern; GROUPS.len()],
}

#[derive(Debug)]
struct Pattern {
    period: usize,
    bytes: Vec<u8>,
}

impl Presieve {
    /// The patterns, some 250 KB: made at the first call, for all sieves.
    pub fn shared() -> &'static Presieve {
        static PATTERNS: LazyLock<Presieve> = LazyLock::new(|| Presieve {
            patterns: GROUPS.map(Pattern::new),
        });
        &PATTERNS
    }

    /// Fills `bits`, whose first byte is the byte number `first_byte`.
    ///
    /// The primes of the groups lose their bits like their multiples, except
    /// where `first_byte` is 0: there they are set again, and 1 is cleared.
    pub fn fill(&self, bits: &mut [u8], first_byte: u64) {
        let mut at = first_byte;
        for piece in bits.chunks_mut(PIECE) {
            let [a, b, c, d, e, f, g, h] = self
                .patterns
                .each_ref()
                .map(|pattern| pattern.at(at, piece.len()));
            for (i, byte) in piece.iter_mut().enumerate() {
                *byte = a[i] & b[i] & c[i] & d[i] & e[i] & f[i] & g[i] & h[i];
            }
            at += piece.len() as u64;
        }
        self.restore_primes(bits, first_byte);
    }

    fn restore_primes(&self, bits: &mut [u8], first_byte: u64) {
        for &p in GROUPS.iter().copied().flatten() {
            let byte = p / NUMBERS_PER_BYTE;
            if let Some(index) = byte.checked_sub(first_byte)
                && let Some(byte) = bits.get_mut(index as usize)
            {
                *byte |= mask_of(p);
            }
        }
        if first_byte == 0
            && let Some(byte) = bits.first_mut()
        {
            *byte &= !mask_of(1);
        }
    }
}

impl Pattern {
    fn new(primes: &[u64]) -> Pattern {
        let period: u64 = primes.iter().product();
        let mut bytes = vec![0xff; period as usize];
        for &p in primes {
            for multiple in (p..period * NUMBERS_PER_BYTE).step_by(2 * p as usize) {
                bytes[(multiple / NUMBERS_PER_BYTE) as usize] &= !mask_of(multiple);
            }
        }
        bytes.reserve_exact(PIECE);
        for i in 0..PIECE {
            bytes.push(bytes[i]);
        }
        Pattern {
            period: period as usize,
            bytes,
        }
    }

    /// `len` bytes (at most [`PIECE`]) of the pattern from byte number `at` on.
    fn at(&self, at: u64, len: usize) -> &[u8] {
        let offset = (at % self.period as u64) as usize;
        &self.bytes[offset..][..len]
    }
}
