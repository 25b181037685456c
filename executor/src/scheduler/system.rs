//! What the system says about this process's threads.
//!
//! Linux says all of it, and most of it without a file: a process whose descriptors are all taken
//! has to do without [`run_state`], [`sleeping_call`] and [`threads`] alone, one without `/proc` also
//! without [`thread_count`]. Elsewhere the answer is "unknown", and whoever asks goes on without.

#[cfg(not(shuttle))]
use std::time::Duration;

/// What a thread is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunState {
    /// It waits in a system call.
    Asleep,
    /// It is on a core, or wants one.
    Running,
}

/// The calling thread's number in the system; 0 if the system does not say.
#[cfg(all(target_os = "linux", not(shuttle)))]
pub(super) fn current_thread() -> u64 {
    // SAFETY: no arguments, and it cannot fail.
    let number = unsafe { libc::gettid() };
    number.try_into().unwrap_or(0)
}

/// The state of a thread of this process, which Linux tells in a file.
#[cfg(all(target_os = "linux", not(shuttle)))]
pub(super) fn run_state(thread: u64) -> Option<RunState> {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).ok()?;
    Some(match state_letter(&stat)? {
        'S' | 'D' => RunState::Asleep,
        _ => RunState::Running,
    })
}

/// The third field: the letter after the name. The name stands in parentheses, and may hold any
/// character.
#[cfg(all(target_os = "linux", not(shuttle)))]
fn state_letter(stat: &str) -> Option<char> {
    stat.rsplit_once(") ")?.1.chars().next()
}

/// The system call that a thread of this process sleeps in, by its number. Linux tells that in a
/// file, too, which not every kernel has.
#[cfg(all(target_os = "linux", not(shuttle)))]
pub(super) fn sleeping_call(thread: u64) -> Option<u64> {
    let call = std::fs::read_to_string(format!("/proc/self/task/{thread}/syscall")).ok()?;
    call_number(&call)
}

/// The first field. It is no number of a call if the thread runs ("running"), or sleeps elsewhere
/// ("-1").
#[cfg(all(target_os = "linux", not(shuttle)))]
fn call_number(call: &str) -> Option<u64> {
    call.split_whitespace().next()?.parse().ok()
}

/// How many threads this process has. Linux tells it as the number of links to a folder, which takes
/// no descriptor, and is true of one moment.
#[cfg(all(target_os = "linux", not(shuttle)))]
pub(super) fn thread_count() -> Option<usize> {
    use std::os::unix::fs::MetadataExt;
    /// Those that each folder has.
    const OF_A_FOLDER: u64 = 2;
    let links = std::fs::metadata(TASKS).ok()?.nlink();
    usize::try_from(links.checked_sub(OF_A_FOLDER)?).ok()
}

/// The numbers of the threads of this process.
#[cfg(all(target_os = "linux", not(shuttle)))]
pub(super) fn threads() -> Option<Vec<u64>> {
    let names = std::fs::read_dir(TASKS).ok()?;
    names
        .map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

#[cfg(all(target_os = "linux", not(shuttle)))]
const TASKS: &str = "/proc/self/task";

/// How long a thread of this process has been on a core so far.
#[cfg(all(target_os = "linux", not(shuttle)))]
pub(super) fn cpu_time(thread: u64) -> Option<Duration> {
    /// Of the clocks of a thread, the one that counts what the scheduler has given it.
    const SCHEDULED: libc::clockid_t = 2;
    const OF_A_THREAD: libc::clockid_t = 4;
    let thread = libc::clockid_t::try_from(thread).ok()?;
    clock(!thread << 3 | OF_A_THREAD | SCHEDULED)
}

/// How long the threads of this process have been on a core so far.
#[cfg(all(target_os = "linux", not(shuttle)))]
pub(super) fn process_cpu_time() -> Option<Duration> {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

#[cfg(all(target_os = "linux", not(shuttle)))]
fn clock(id: libc::clockid_t) -> Option<Duration> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: it writes to `time`, which is ours.
    let ok = unsafe { libc::clock_gettime(id, &raw mut time) } == 0;
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let nanoseconds = u32::try_from(time.tv_nsec).ok()?;
    ok.then(|| Duration::new(seconds, nanoseconds))
}

/// How often the calling thread has gone to sleep in the system so far.
#[cfg(all(target_os = "linux", not(shuttle)))]
pub(super) fn voluntary_switches() -> Option<u64> {
    // SAFETY: a struct of integers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: it writes to `usage`, which is ours.
    let ok = unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) } == 0;
    ok.then_some(usage.ru_nvcsw as u64)
}

/// Has the system end the calling thread's sleeps on time, and not together with those of others up
/// to 50 µs later.
#[cfg(all(target_os = "linux", not(shuttle)))]
pub(super) fn sleep_precisely() {
    let nanoseconds: libc::c_ulong = 1;
    // SAFETY: it sets a number of the calling thread. If it cannot, sleeps are as they were.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, nanoseconds) };
}

/// Whether the system knows no thread of this process with that number any more.
#[cfg(all(target_os = "linux", not(shuttle)))]
pub(super) fn is_gone(thread: u64) -> bool {
    let Ok(thread) = libc::pid_t::try_from(thread) else {
        return true;
    };
    let process = std::process::id();
    // SAFETY: signal 0 is none: it only asks whether the thread is there.
    let found = unsafe { libc::syscall(libc::SYS_tgkill, process, thread, 0) } == 0;
    !found
}

#[cfg(all(not(target_os = "linux"), not(shuttle)))]
mod unknown {
    use crate::scheduler::system::RunState;
    use std::time::Duration;

    pub(crate) fn current_thread() -> u64 {
        0
    }

    pub(crate) fn run_state(_: u64) -> Option<RunState> {
        None
    }

    pub(crate) fn thread_count() -> Option<usize> {
        None
    }

    pub(crate) fn threads() -> Option<Vec<u64>> {
        None
    }

    pub(crate) fn sleeping_call(_: u64) -> Option<u64> {
        None
    }

    pub(crate) fn cpu_time(_: u64) -> Option<Duration> {
        None
    }

    pub(crate) fn process_cpu_time() -> Option<Duration> {
        None
    }

    pub(crate) fn voluntary_switches() -> Option<u64> {
        None
    }

    pub(crate) fn sleep_precisely() {}

    pub(crate) fn is_gone(_: u64) -> bool {
        true
    }
}

#[cfg(all(not(target_os = "linux"), not(shuttle)))]
pub(super) use unknown::*;

/// What shuttle chooses at random: the rest of the scheduler has to cope with wrong answers.
#[cfg(shuttle)]
mod random {
    use crate::scheduler::system::RunState;
    use shuttle::rand::{Rng, thread_rng};
    use std::time::Duration;

    pub(crate) fn current_thread() -> u64 {
        0
    }

    pub(crate) fn run_state(_: u64) -> Option<RunState> {
        [None, Some(RunState::Asleep), Some(RunState::Running)][thread_rng().gen_range(0..3)]
    }

    pub(crate) fn thread_count() -> Option<usize> {
        None
    }

    pub(crate) fn threads() -> Option<Vec<u64>> {
        None
    }

    pub(crate) fn sleeping_call(_: u64) -> Option<u64> {
        None
    }

    pub(crate) fn cpu_time(_: u64) -> Option<Duration> {
        Some(Duration::from_millis(thread_rng().gen_range(0..2)))
    }

    pub(crate) fn process_cpu_time() -> Option<Duration> {
        None
    }

    pub(crate) fn voluntary_switches() -> Option<u64> {
        Some(thread_rng().gen_range(0..2))
    }

    pub(crate) fn sleep_precisely() {}

    pub(crate) fn is_gone(_: u64) -> bool {
        true
    }
}

#[cfg(shuttle)]
pub(super) use random::*;

#[cfg(all(test, target_os = "linux", not(shuttle)))]
mod tests {
    use super::*;
    use std::{sync::mpsc, thread, time::Instant};

    #[test]
    fn the_letter_is_found_behind_a_hostile_name() {
        assert_eq!(state_letter("17 (a) R b) S 1 2"), Some('S'));
        assert_eq!(state_letter("garbage"), None);
    }

    #[test]
    fn the_number_of_a_call_is_told_from_the_words() {
        let call = "202 0x7f01 0x80 0x0 0x0 0x0 0x0 0x7ffc 0x7f02\n";
        assert_eq!(call_number(call), Some(202));
        assert_eq!(call_number("running\n"), None);
        assert_eq!(call_number("-1 0x7ffc 0x7f02\n"), None);
        assert_eq!(call_number(""), None);
    }

    #[test]
    fn a_sleeping_thread_is_told_from_one_that_runs() {
        let (tell, told) = mpsc::channel();
        let (wake, woken) = mpsc::channel::<()>();
        let sleeper = thread::spawn(move || {
            tell.send(current_thread()).unwrap();
            woken.recv()
        });
        let number = told.recv().unwrap();
        let asleep = (0..1_000).any(|_| {
            thread::sleep(Duration::from_millis(1));
            run_state(number) == Some(RunState::Asleep)
        });
        assert!(asleep);
        let before = cpu_time(number);
        thread::sleep(Duration::from_millis(20));
        assert_eq!(cpu_time(number), before, "it has no use for a core");
        assert_eq!(run_state(current_thread()), Some(RunState::Running));
        assert!(!is_gone(number));
        drop(wake);
        assert!(sleeper.join().unwrap().is_err());
        // Whoever joins a thread hears of its end before the system has taken it from its list.
        let is_gone = (0..10_000).any(|_| {
            thread::sleep(Duration::from_millis(1));
            is_gone(number)
        });
        assert!(is_gone);
        assert_eq!(cpu_time(number), None);
    }

    #[test]
    fn a_thread_is_counted_and_listed_while_it_lives() {
        let (wake, woken) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let waiting = thread::spawn(move || {
            tell.send(current_thread()).unwrap();
            woken.recv()
        });
        let number = told.recv().unwrap();
        // Other tests start and end threads meanwhile.
        let agree = (0..10_000).any(|_| {
            let listed = threads().unwrap();
            assert!(listed.contains(&number) && listed.contains(&current_thread()));
            thread_count() == Some(listed.len())
        });
        assert!(agree);
        drop(wake);
        assert!(waiting.join().unwrap().is_err());
        let is_gone = (0..1_000).any(|_| {
            thread::sleep(Duration::from_millis(1));
            !threads().unwrap().contains(&number)
        });
        assert!(is_gone);
    }

    #[test]
    fn a_thread_that_computes_uses_time_and_one_that_sleeps_says_so() {
        let (used, process) = (cpu_time(current_thread()), process_cpu_time());
        let begin = Instant::now();
        while cpu_time(current_thread()) == used || process_cpu_time() == process {
            assert!(begin.elapsed() < Duration::from_secs(10));
        }
        let before = voluntary_switches().unwrap();
        thread::sleep(Duration::from_millis(1));
        assert!(voluntary_switches().unwrap() > before);
    }
}
