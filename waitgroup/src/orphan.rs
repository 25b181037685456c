//! What a group leaves behind that goes while somebody waits.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::thread;

use crate::sync::{AtomicBool, Ordering};

/// The last handle of a group went while it counted work: nobody can count that off any more.
///
/// Those who wait are woken, and whoever of them looks says so, once for each group. Not the handle
/// that goes: where an executor ends, the task that waits may be the next to be dropped, and then
/// nobody waits in vain.
pub(crate) struct Orphaned {
    count: usize,
    waits: usize,
    told: AtomicBool,
}

impl Orphaned {
    pub(crate) fn new(count: usize, waits: usize) -> Orphaned {
        Orphaned {
            count,
            waits,
            told: AtomicBool::new(false),
        }
    }

    /// Has it said on standard error, if nobody has.
    pub(crate) fn tell(&self) {
        // Ordering: Relaxed; who comes second has nothing to learn from the first.
        if !self.told.swap(true, Ordering::Relaxed) && cfg!(not(loom)) {
            say(self.text());
        }
    }

    fn text(&self) -> String {
        let mut text = "waitgroup: the last handle of a group is gone, and ".to_owned();
        let _ = match self.waits {
            1 => write!(text, "1 wait for it"),
            waits => write!(text, "{waits} waits for it"),
        };
        let _ = writeln!(text, " will never end (counter {})", self.count);
        text
    }
}

/// Writes to standard error, on a thread of its own: whoever calls is in a poll, which must not wait
/// for a full pipe, nor for std's lock. Nothing is to be done where no thread is to be had, or nobody
/// reads.
fn say(text: String) {
    let thread = thread::Builder::new().name("waitgroup".to_owned());
    let _ = thread.spawn(move || {
        let _ = io::stderr().write_all(text.as_bytes());
    });
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn one_wait_is_not_called_several() {
        let text = |waits| Orphaned::new(2, waits).text();
        let known = "waitgroup: the last handle of a group is gone, and ";
        assert_eq!(
            [text(1), text(3)],
            ["1 wait", "3 waits"]
                .map(|waits| format!("{known}{waits} for it will never end (counter 2)\n"))
        );
    }
}
