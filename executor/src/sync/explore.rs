//! Running a loom model, and reporting what it explored.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize as Count, Ordering::SeqCst},
    },
    time::Instant,
};

/// Explores all interleavings, or, if there is a bound, those with at most so many preemptions.
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
