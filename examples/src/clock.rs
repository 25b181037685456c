//! Sleeping, in one place for all lessons.

use std::time::Duration;

/// Go's `time.Sleep`, but only the task sleeps: its thread goes on with others.
pub async fn sleep(duration: Duration) {
    async_io::Timer::after(duration).await;
}
