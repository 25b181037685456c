//! Numbers for the source lines that spawn tasks.
//!
//! A number is an index of one table for the whole process, which is only added to:
//!
//! ```text
//!   line ──► address of its `Location`, in words ──modulo the size──► index: that line, or a free one?
//!                                                                     else the next index, and so on
//!   number ──► index ──► line
//! ```
//!
//! So a spawn finds its line's number by one load and a comparison: without a lock, without a
//! thread-local, and without a hash. The compiler lays `Location`s side by side, and the table is as
//! large as half a MiB of them: two lines seldom want one index, and if they do, the later one costs
//! a load more, for ever. (Half a MiB of address space, of which the pages are used where the
//! program's own lines are.)
//!
//! Rejected: a numbered list with a hash map in front of it, under a lock, and a few lines
//! remembered by each thread. Two lines that fell on one entry of those drove each other out, and
//! that is two of five lines in half of all programs.
//!
//! A line whose tasks have names has another number, and so nobody asks a task without a name for
//! it. The tag is in the lowest bit of the address.

use std::{
    panic::Location,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

/// As many as two bytes can tell apart; the first of them stands for no line.
const NUMBERS: usize = 1 << u16::BITS;

/// Stands for all lines for which no number was left.
const UNKNOWN: usize = 0;

/// How many indices a line tries. Far more than lines want one index, unless they are some ten
/// thousand.
const TRIES: usize = 256;

/// What a tagged address has more than the address.
const NAMED: usize = 1;
const _: () = assert!(align_of::<Location<'_>>() > NAMED);

static LINES: Lines<NUMBERS> = Lines::new();

/// The number of a line whose tasks have names, or have none.
#[inline]
pub(super) fn number_of(line: &'static Location<'static>, named: bool) -> u16 {
    LINES.number_of(line, named) as u16
}

/// The line with this number.
pub(super) fn line(number: u16) -> Option<&'static Location<'static>> {
    LINES.line(number.into())
}

/// Whether a task from the line with this number may have a name.
pub(super) fn may_have_name(number: u16) -> bool {
    LINES.may_have_name(number.into())
}

struct Lines<const N: usize>([AtomicPtr<Location<'static>>; N]);

impl<const N: usize> Lines<N> {
    const fn new() -> Lines<N> {
        Lines([const { AtomicPtr::new(ptr::null_mut()) }; N])
    }

    #[inline]
    fn number_of(&'static self, line: &'static Location<'static>, named: bool) -> usize {
        let line = ptr::from_ref(line).cast_mut();
        let tagged = line.map_addr(|address| address | if named { NAMED } else { 0 });
        let first = line.addr() / align_of::<Location<'_>>() % N;
        // Ordering: Relaxed for all uses of the table; what an address points to is a constant.
        if self.0[first].load(Ordering::Relaxed) == tagged {
            return first;
        }
        self.look_further(first, tagged)
    }

    /// Tries one index after the other until the line is there, or there is room for it. As nothing
    /// leaves the table, whoever looks for this line comes to the same index.
    #[cold]
    #[inline(never)]
    fn look_further(&self, first: usize, tagged: *mut Location<'static>) -> usize {
        let indices = (first..first + TRIES).map(|index| index % N);
        for index in indices.filter(|&index| index != UNKNOWN) {
            let (free, relaxed) = (ptr::null_mut(), Ordering::Relaxed);
            let present = match self.0[index].compare_exchange(free, tagged, relaxed, relaxed) {
                Ok(_) => tagged,
                Err(present) => present,
            };
            if present == tagged {
                return index;
            }
        }
        UNKNOWN
    }

    fn line(&self, number: usize) -> Option<&'static Location<'static>> {
        let tagged = self.0[number].load(Ordering::Relaxed);
        let line = tagged.map_addr(|address| address & !NAMED);
        // SAFETY: null, or the tagged address of a `Location` that is never changed and lives for
        // ever.
        unsafe { line.as_ref() }
    }

    fn may_have_name(&self, number: usize) -> bool {
        let tagged = self.0[number].load(Ordering::Relaxed);
        number == UNKNOWN || tagged.addr() & NAMED != 0
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use std::{collections::HashSet, thread};

    /// Lines of this file.
    fn lines() -> [&'static Location<'static>; 8] {
        #[track_caller]
        fn here() -> &'static Location<'static> {
            Location::caller()
        }
        [
            here(),
            here(),
            here(),
            here(),
            here(),
            here(),
            here(),
            here(),
        ]
    }

    #[test]
    fn each_line_has_a_number_that_stays_and_leads_back_to_it() {
        static TABLE: Lines<64> = Lines::new();
        let numbers = lines().map(|line| TABLE.number_of(line, false));
        assert_eq!(HashSet::from(numbers).len(), 8);
        for (line, number) in lines().into_iter().zip(numbers) {
            assert_eq!(TABLE.number_of(line, false), number);
            assert_eq!(TABLE.line(number), Some(line));
            assert!(!TABLE.may_have_name(number));
        }
    }

    #[test]
    fn lines_that_want_one_index_have_a_number_each() {
        // Eight of them in nine places, the first of which stands for none.
        static TABLE: Lines<9> = Lines::new();
        let numbers = lines().map(|line| TABLE.number_of(line, false));
        assert_eq!(HashSet::from(numbers), (1..9).collect());
        assert_eq!(lines().map(|line| TABLE.number_of(line, false)), numbers);
    }

    #[test]
    fn a_line_for_which_there_is_no_room_is_unknown_and_takes_nobody_elses() {
        static TABLE: Lines<5> = Lines::new();
        let numbers = lines().map(|line| TABLE.number_of(line, false));
        let known = numbers.iter().filter(|&&number| number != UNKNOWN);
        assert_eq!(known.count(), 4);
        assert_eq!(TABLE.line(UNKNOWN), None);
        assert_eq!(lines().map(|line| TABLE.number_of(line, false)), numbers);
    }

    #[test]
    fn a_line_whose_tasks_have_names_has_another_number() {
        static TABLE: Lines<64> = Lines::new();
        let line = lines()[0];
        let (plain, named) = (TABLE.number_of(line, false), TABLE.number_of(line, true));
        assert_ne!(plain, named);
        assert!(TABLE.may_have_name(named) && !TABLE.may_have_name(plain));
        assert_eq!(TABLE.line(named), Some(line));
        assert!(TABLE.may_have_name(UNKNOWN), "for all that is known");
    }

    #[test]
    fn threads_that_come_at_once_agree() {
        static TABLES: [Lines<32>; 100] = [const { Lines::new() }; 100];
        let of_all = || {
            let tables = TABLES.iter();
            let numbers = tables.map(|table| lines().map(|line| table.number_of(line, false)));
            numbers.collect::<Vec<_>>()
        };
        let other = thread::spawn(of_all);
        let own = of_all();
        assert_eq!(other.join().unwrap(), own);
    }
}
