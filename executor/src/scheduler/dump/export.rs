//! A dump that a debugger has a stopped process print: when no thread of it lives to see a signal.
//!
//! Any thread may have been stopped anywhere, the one that the debugger calls this on included: in
//! `malloc`, or in a critical section of ours. So this takes no lock that it does not get at once,
//! and says what it could not look at; it allocates nothing, and writes as it goes, from a buffer on
//! the stack.

use crate::scheduler::{
    Scheduler, callers, executor_id,
    printable::Printable,
    processor::{Counters, Processor},
    report,
    task_id::TaskId,
    task_name,
};
use std::{
    fmt::{self, Write},
    sync::atomic::Ordering,
    time::Duration,
};

/// What `export_dump!` calls; see the module's text.
pub fn print_at_hand() {
    // The thread may have been stopped between a system call and its look at the error.
    let _error = LastError::keep();
    let mut out = Out::new();
    // What cannot be written has nobody to read it.
    let _ = tell_of_all(&mut out);
    let _ = out.flush();
}

fn tell_of_all(out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "executor: what is at hand of all tasks")?;
    let mut result = Ok(());
    let looked = executor_id::try_for_each(|scheduler| {
        if result.is_ok() && !scheduler.is_in_forked_child() {
            result = tell_of(out, scheduler);
        }
    });
    result?;
    if looked.is_none() {
        writeln!(out, "skipped: all executors, whose list is locked")?;
    }
    writeln!(out, "executor: end of what is at hand")
}

fn tell_of(out: &mut dyn Write, scheduler: &Scheduler) -> fmt::Result {
    let (id, name) = (scheduler.id.get(), &scheduler.config.thread_name);
    let workers = scheduler.idle.permits();
    write!(
        out,
        "executor {id} `{}`: {workers} workers; ",
        Printable(name)
    )?;
    match scheduler.idle.try_machines() {
        Some(machines) => {
            let (total, asleep) = (machines.total, machines.asleep);
            write!(out, "{total} threads, {asleep} of them asleep; ")?;
        }
        None => write!(out, "skipped: its threads, whose list is locked; ")?,
    }
    writeln!(out, "{} tasks in the global queue", scheduler.global.len())?;
    tell_of_calls(out, scheduler)?;
    for processor in scheduler.processors.iter_in_use() {
        tell_of_machine(out, processor)?;
    }
    tell_of_suspended(out, scheduler)
}

/// The task that a thread is in, if it is in one.
fn tell_of_machine(out: &mut dyn Write, processor: &Processor) -> fmt::Result {
    let permit = &processor.permit;
    let does = if permit.is_held() || permit.is_taken() {
        "runs"
    } else if permit.is_offered() || permit.is_missing() {
        "blocks"
    } else {
        return Ok(());
    };
    let Counters { task, thread, .. } = &*processor.counters;
    let Some(id) = TaskId::from_u64(task.load(Ordering::Relaxed)) else {
        return Ok(());
    };
    write!(out, "  thread {} {does}: ", thread.load(Ordering::Relaxed))?;
    tell_of_task(out, id)
}

fn tell_of_calls(out: &mut dyn Write, scheduler: &Scheduler) -> fmt::Result {
    let mut result = Ok(());
    let looked = callers::try_for_each(&scheduler.id, |call| {
        if result.is_ok() {
            let does = if call.waits { "waits" } else { "polls" };
            let thread = Printable(call.thread_name());
            let site = call.id.site();
            result = writeln!(out, "  block_on at {site}, on thread `{thread}`: {does}");
        }
    });
    result?;
    if looked.is_none() {
        writeln!(out, "  skipped: calls of block_on, whose list is locked")?;
    }
    Ok(())
}

fn tell_of_suspended(out: &mut dyn Write, scheduler: &Scheduler) -> fmt::Result {
    let mut result = Ok(());
    let skipped = scheduler.suspended.walk_at_once(|seen| {
        if result.is_ok()
            && let Some(id) = TaskId::from_u64(seen.id)
        {
            let state = if seen.is_runnable {
                "runnable"
            } else {
                "waits"
            };
            result = write!(out, "  {state}: ").and_then(|()| tell_of_task(out, id));
        }
    });
    result?;
    if skipped > 0 {
        writeln!(
            out,
            "  skipped: parts of the register of tasks, which are locked: {skipped}"
        )?;
    }
    Ok(())
}

fn tell_of_task(out: &mut dyn Write, id: TaskId) -> fmt::Result {
    write!(out, "task {id}")?;
    let named = task_name::try_with(id, |name| match name {
        Some(name) => write!(out, " `{}`", Printable(name)),
        None => Ok(()),
    });
    match named {
        Some(result) => result?,
        None => write!(out, " (skipped: its name, which is locked)")?,
    }
    writeln!(out, ", spawned at {}", id.site())
}

/// Standard error, by way of a buffer.
struct Out {
    buffer: [u8; Out::SIZE],
    len: usize,
}

impl Out {
    const SIZE: usize = 512;

    /// How long standard error may take nothing. Who empties it may be stopped, too.
    const PATIENCE: Duration = Duration::from_secs(1);

    fn new() -> Out {
        Out {
            buffer: [0; Out::SIZE],
            len: 0,
        }
    }

    fn flush(&mut self) -> fmt::Result {
        let text = &self.buffer[..self.len];
        self.len = 0;
        let is_whole = report::write_whole(text, Some(Out::PATIENCE));
        is_whole.then_some(()).ok_or(fmt::Error)
    }
}

impl Write for Out {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            if self.len == Out::SIZE {
                self.flush()?;
            }
            self.buffer[self.len] = byte;
            self.len += 1;
        }
        Ok(())
    }
}

/// What the C library tells the calling thread of its last system call, which is put back.
struct LastError(Option<(*mut libc::c_int, libc::c_int)>);

impl LastError {
    fn keep() -> LastError {
        let place = LastError::place();
        // SAFETY: of the calling thread, which exists.
        LastError(place.map(|place| (place, unsafe { *place })))
    }

    /// Where the number of the calling thread is.
    fn place() -> Option<*mut libc::c_int> {
        #[cfg(target_os = "linux")]
        let place = libc::__errno_location;
        #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
        let place = libc::__error;
        #[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
        let place = libc::__errno;
        #[cfg(any(
            target_vendor = "apple",
            target_os = "linux",
            target_os = "android",
            target_os = "freebsd",
            target_os = "netbsd",
            target_os = "openbsd"
        ))]
        // SAFETY: it gives an address.
        return Some(unsafe { place() });
        #[cfg(not(any(
            target_vendor = "apple",
            target_os = "linux",
            target_os = "android",
            target_os = "freebsd",
            target_os = "netbsd",
            target_os = "openbsd"
        )))]
        None
    }
}

impl Drop for LastError {
    fn drop(&mut self) {
        if let Some((place, number)) = self.0 {
            // SAFETY: as in `keep`; this has stayed on the thread.
            unsafe { *place = number };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Executor, TaskBuilder};
    use std::{future::pending, thread};

    fn told() -> String {
        let mut text = String::new();
        tell_of_all(&mut text).unwrap();
        text
    }

    /// An executor of that name with a task of that name, which waits.
    fn with_task(name: &'static str) -> Executor {
        let own = Executor::builder().workers(1).thread_name(name);
        let own = own.build().unwrap();
        let task = TaskBuilder::new().name(name);
        task.spawn_on(pending::<()>(), &own.handle());
        // And its worker has left it.
        while own.metrics().suspended_tasks() == 0 || own.metrics().idle_threads() == 0 {
            thread::yield_now();
        }
        own
    }

    #[test]
    fn what_is_locked_is_skipped_and_said_to_be() {
        let own = with_task("locked-names");
        let text = told();
        let line = text
            .lines()
            .find(|line| line.contains(" `locked-names`, spawned at "));
        let line = line.expect(&text);
        assert!(
            line.starts_with("  waits: task ") && line.contains(file!()),
            "{line}"
        );
        // Each part of the register in turn is locked while it is walked.
        let mut told_meanwhile = String::new();
        let suspended = &own.handle().scheduler.suspended;
        suspended.walk_at_once(|_| told_meanwhile = told());
        let skipped = "  skipped: parts of the register of tasks, which are locked: 1";
        assert!(told_meanwhile.contains(skipped), "{told_meanwhile}");
        let names = task_name::hold();
        let text = told();
        drop(names);
        assert!(!text.contains("` `locked-names`"), "{text}");
        assert!(
            text.contains(" (skipped: its name, which is locked), spawned at "),
            "{text}"
        );
        let handle = own.handle();
        let machines = handle.scheduler.idle.hold();
        let text = told();
        drop(machines);
        let line = text.lines().find(|line| line.contains(" `locked-names`: "));
        assert!(
            line.is_some_and(|line| line.contains("; skipped: its threads, whose list is locked; ")),
            "{text}"
        );
        let register = executor_id::hold();
        let text = told();
        drop(register);
        assert!(text.contains("skipped: all executors"), "{text}");
        assert!(!text.contains("locked-names"), "{text}");
        drop(own);
    }
}
