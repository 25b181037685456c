//! What a runtime without sets of tasks joins them with: futures' `FuturesUnordered`, of handles.

use super::{Runtime, TaskSet};
use futures::{StreamExt, stream::FuturesUnordered};
use std::{fmt, future::Future};

/// The handles of a runtime's tasks, as one stream.
pub struct Unordered<R: Runtime>(FuturesUnordered<R::Join<usize>>);

impl<R: Runtime> Default for Unordered<R> {
    fn default() -> Unordered<R> {
        Unordered(FuturesUnordered::new())
    }
}

impl<R: Runtime> fmt::Debug for Unordered<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unordered").field(&self.0.len()).finish()
    }
}

impl<R: Runtime> TaskSet for Unordered<R> {
    fn spawn<F>(&mut self, future: F)
    where
        F: Future<Output = usize> + Send + 'static,
    {
        self.0.push(R::spawn(future));
    }

    fn join_next(&mut self) -> impl Future<Output = Option<usize>> + Send {
        self.0.next()
    }
}
