//! std's threads for unit tests, on a "system" that may have none to give.

use std::{io, sync::Mutex};

/// What stands in for `std::thread`.
pub(crate) mod thread {
    pub(crate) use std::thread::{JoinHandle, current};
    use std::{io, thread};

    /// std's, but a start may be refused.
    pub(crate) struct Builder(thread::Builder);

    impl Builder {
        pub(crate) fn new() -> Builder {
            Builder(thread::Builder::new())
        }

        pub(crate) fn name(self, name: String) -> Builder {
            Builder(self.0.name(name))
        }

        pub(crate) fn stack_size(self, bytes: usize) -> Builder {
            Builder(self.0.stack_size(bytes))
        }

        pub(crate) fn spawn<T: Send + 'static>(
            self,
            run: impl FnOnce() -> T + Send + 'static,
        ) -> io::Result<JoinHandle<T>> {
            super::refuse_if_asked()?;
            self.0.spawn(run)
        }
    }
}

/// What the "system" will do from now on: start so many threads, then refuse so many.
static PLAN: Mutex<Plan> = Mutex::new(Plan {
    started: 0,
    refused: 0,
});

struct Plan {
    started: usize,
    refused: usize,
}

/// Says what the "system" does from now on.
pub(crate) fn plan(started: usize, refused: usize) {
    *PLAN.lock().unwrap() = Plan { started, refused };
}

/// How much of the plan has come true.
pub(crate) fn still_to_refuse() -> usize {
    PLAN.lock().unwrap().refused
}

fn refuse_if_asked() -> io::Result<()> {
    let mut plan = PLAN.lock().unwrap();
    if plan.refused == 0 {
        return Ok(());
    }
    if plan.started > 0 {
        plan.started -= 1;
        return Ok(());
    }
    plan.refused -= 1;
    let text = "refused by the test";
    Err(io::Error::new(io::ErrorKind::WouldBlock, text))
}
