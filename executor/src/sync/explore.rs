//! Runs a loom model and tells what it explored.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize as Count, Ordering::SeqCst},
    },
    time::Instant,
};

/// Explores all interleavings with at most `preemptions` preemptions, if a bound is given.
pub(crate) fn explore(
    name: &str,
    preemptions: Option<usize>,
    model: impl Fn() + Send + Sync + 'static,
) {
    let (start, explored) = (Instant::now(), Arc::new(Count::new(0)));
    let counter = explored.clone();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(move || {
        counter.fetch_add(1, SeqCst);
        model();
    });
    eprintln!(
        "model {name}: {} interleavings in {:.2} s, bound {preemptions:?}",
        explored.load(SeqCst),
        start.elapsed().as_secs_f32()
    );
}
