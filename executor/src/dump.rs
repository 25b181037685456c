#![doc = include_str!("hangs.md")]

pub use crate::scheduler::dump::{Dump, Group, TaskInfo, TaskState};
#[cfg(feature = "dump")]
pub use crate::scheduler::dump::{Frame, Silence, Stack};

/// For `export_dump!` alone.
#[cfg(all(unix, not(shuttle)))]
#[doc(hidden)]
pub use crate::scheduler::dump::export::print_at_hand as __print_at_hand;

/// Makes a function `executor_dump` that prints what the tasks of all executors do, for debuggers.
/// Unix only.
///
/// Use it once, at the top of a program's `main.rs`. When the program hangs, and not even the signal
/// of `EXECUTOR_DUMP` is heeded, a debugger can call the function:
///
/// ```text
/// gdb -p PID -batch -ex 'call (void)executor_dump()'
/// ```
///
/// The text goes to standard error of the program: callers of [`block_on`](crate::block_on), what
/// runs, and each task that waits.
///
/// The function may be called on any thread, wherever that was stopped, and while all others are.
/// It takes no lock that it cannot get at once, and allocates nothing. It says what it has skipped
/// because of that.
///
/// A program can have one such function. Nothing calls it, so it costs nothing; it stays in the
/// program also where what is never called is left out. The debugger finds it by its name, and so not
/// in a program without symbols (`strip = true`).
///
/// # Examples
///
/// ```
/// executor::export_dump!();
///
/// fn main() {
///     executor::block_on(async { /* ... */ });
///     # executor_dump();
/// }
/// ```
#[cfg(unix)]
#[macro_export]
macro_rules! export_dump {
    () => {
        /// Prints what the tasks of all executors do: for a debugger to call.
        #[unsafe(no_mangle)]
        pub extern "C" fn executor_dump() {
            $crate::dump::__print_at_hand();
        }

        const _: () = {
            /// Keeps it in the program.
            #[used]
            static EXECUTOR_DUMP: extern "C" fn() = executor_dump;
        };
    };
}
