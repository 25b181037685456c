//! An observer that makes a span of `tracing` of each task, as tokio does of its own: so
//! `console-subscriber` knows our tasks, and tokio-console shows them. On a stable compiler, and
//! without tokio's unstable features; but `console-subscriber` asks for
//! `--cfg console_without_tokio_unstable`.
//!
//! ```sh
//! cd benches/tokio-console
//! RUSTFLAGS="--cfg console_without_tokio_unstable" cargo run
//! tokio-console # in another terminal: `cargo install tokio-console`
//! ```
//!
//! What the console wants: a span `runtime.spawn` for each task, which is entered while the task is
//! polled and closed when it ends, and events for what happens to its wakers. Of those an observer
//! knows the wake-ups; how many wakers there are, it does not, and so the console counts none.

use executor::{Observer, TaskId, TaskRef};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use tracing::Span;

/// See the crate's text. [`executor::Builder::observer`] takes it.
#[derive(Debug, Default)]
pub struct Spans {
    of_tasks: Mutex<HashMap<TaskId, Span>>,
}

impl Spans {
    /// The span of a task, which has none if it was spawned by an observer.
    fn of(&self, task: &TaskRef<'_>) -> Option<Span> {
        let spans = self.of_tasks.lock().unwrap_or_else(PoisonError::into_inner);
        spans.get(&task.id()).cloned()
    }
}

impl Observer for Spans {
    fn spawned(&self, task: &TaskRef<'_>) {
        let (name, line) = (task.name(), task.spawned_at());
        // It has no parent: a span is not closed before those inside of it.
        let span = tracing::trace_span!(
            target: "executor::task",
            parent: None,
            "runtime.spawn",
            kind = "task",
            task.name = name.as_deref().unwrap_or_default(),
            task.id = task.id().to_string().parse::<u64>().unwrap_or(0),
            loc.file = line.map_or("", |line| line.file()),
            loc.line = line.map_or(0, |line| line.line()),
            loc.col = line.map_or(0, |line| line.column()),
        );
        let mut spans = self.of_tasks.lock().unwrap_or_else(PoisonError::into_inner);
        spans.insert(task.id(), span);
    }

    fn poll_begins(&self, task: &TaskRef<'_>) {
        if let Some(span) = self.of(task) {
            span.with_subscriber(|(id, subscriber)| subscriber.enter(id));
        }
    }

    fn poll_ends(&self, task: &TaskRef<'_>, _: bool) {
        if let Some(span) = self.of(task) {
            span.with_subscriber(|(id, subscriber)| subscriber.exit(id));
        }
    }

    fn woken(&self, task: &TaskRef<'_>) {
        if let Some(id) = self.of(task).and_then(|span| span.id()) {
            let id = id.into_u64();
            tracing::trace!(target: "runtime::waker", op = "waker.wake_by_ref", task.id = id);
        }
    }

    fn ended(&self, task: &TaskRef<'_>) {
        let mut spans = self.of_tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let span = spans.remove(&task.id());
        drop(spans);
        // What it tells the subscriber is not told under the lock.
        drop(span);
    }
}
