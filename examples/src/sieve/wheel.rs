//! The wheel of 30: which numbers have a bit, and where.
//!
//! A number that 2, 3 and 5 do not divide leaves one of eight remainders when
//! it is divided by 30. So thirty numbers fit into one byte: byte `n / 30`,
//! bit `j` where `RESIDUES[j] == n % 30`.

/// How many numbers one byte stands for.
pub const NUMBERS_PER_BYTE: u64 = 30;

/// The remainders modulo 30 that are coprime to 30, in the order of their bits.
pub const RESIDUES: [u64; 8] = [1, 7, 11, 13, 17, 19, 23, 29];

/// From `RESIDUES[j]` to the next residue (the last one to 31).
pub const GAPS: [u64; 8] = gaps();

/// The bit of each remainder; `NO_BIT` for those that share a factor with 30.
pub const BIT: [u8; 30] = bits();

/// Stands in [`BIT`] where a number has no bit.
pub const NO_BIT: u8 = 8;

/// The first index into [`RESIDUES`] whose residue is at least the given
/// remainder. (29 is a residue, so there always is one.)
pub const FIRST_RESIDUE_FROM: [u8; 30] = first_residues();

const fn gaps() -> [u64; 8] {
    let mut gaps = [0; 8];
    let mut j = 0;
    while j < 7 {
        gaps[j] = RESIDUES[j + 1] - RESIDUES[j];
        j += 1;
    }
    gaps[7] = RESIDUES[0] + NUMBERS_PER_BYTE - RESIDUES[7];
    gaps
}

const fn bits() -> [u8; 30] {
    let mut bits = [NO_BIT; 30];
    let mut j = 0;
    while j < 8 {
        bits[RESIDUES[j] as usize] = j as u8;
        j += 1;
    }
    bits
}

const fn first_residues() -> [u8; 30] {
    let mut first = [0; 30];
    let mut remainder = 0;
    while remainder < 30 {
        let mut j = 0;
        while RESIDUES[j] < remainder as u64 {
            j += 1;
        }
        first[remainder] = j as u8;
        remainder += 1;
    }
    first
}

/// The bit of `n`, as a mask with that bit alone set, or 0 if `n` has none.
pub fn mask_of(n: u64) -> u8 {
    match BIT[(n % NUMBERS_PER_BYTE) as usize] {
        NO_BIT => 0,
        bit => 1 << bit,
    }
}

/// How the multiples of a prime `p = 30 q + RESIDUES[class]` fall on the wheel.
///
/// `p` times the `j`-th residue is `30 (q r_j + carry[j])` plus the remainder
/// that `keep[j]` knows: this does not depend on `q`, so eight such tables
/// serve all primes.
#[derive(Debug, Clone, Copy)]
pub struct Class {
    /// What `RESIDUES[class] * r_j / 30` adds to the byte's number.
    pub carry: [u64; 8],
    /// All bits but the one of the `j`-th multiple.
    pub keep: [u8; 8],
    /// From the byte of the `j`-th multiple to the next one's, beyond `q * GAPS[j]`.
    pub step: [u64; 8],
}

/// The table of each class, see [`Class`].
pub const CLASSES: [Class; 8] = classes();

const fn classes() -> [Class; 8] {
    let mut classes = [Class {
        carry: [0; 8],
        keep: [0; 8],
        step: [0; 8],
    }; 8];
    let mut class = 0;
    while class < 8 {
        let mut j = 0;
        while j < 8 {
            let product = RESIDUES[class] * RESIDUES[j];
            classes[class].carry[j] = product / NUMBERS_PER_BYTE;
            classes[class].keep[j] = !(1 << BIT[(product % NUMBERS_PER_BYTE) as usize]);
            let next = product + RESIDUES[class] * GAPS[j];
            classes[class].step[j] = next / NUMBERS_PER_BYTE - product / NUMBERS_PER_BYTE;
            j += 1;
        }
        class += 1;
    }
    classes
}
