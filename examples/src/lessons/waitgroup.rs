//! Ten tasks, and a main that waits for exactly as long as they take.
//!
//! ```go
//! var wg sync.WaitGroup
//!
//! func hello(i int) {
//!     defer wg.Done()
//!     fmt.Println("Hello Goroutine!", i)
//! }
//!
//! func main() {
//!     for i := 0; i < 10; i++ {
//!         wg.Add(1)
//!         go hello(i)
//!     }
//!     wg.Wait()
//! }
//! ```
//!
//! A [`Guard`] is `Add(1)` and `defer Done()` in one: it is counted off when the
//! task drops it, also if the task panics or is aborted. After a bare `done` at the
//! end of the task, a panic before it would let main wait for ever.
//!
//! The order of the lines is not promised, and varies from run to run.

use ::waitgroup::{Guard, WaitGroup};

use super::workers::Workers;
use crate::Result;

async fn hello(i: usize, _guard: Guard) {
    println!("Hello Goroutine! {i}");
} // defer wg.Done()

pub fn main(workers: Workers) -> Result<()> {
    let executor = workers.executor()?;
    let main = executor.spawn(async {
        let wg = WaitGroup::new();
        for i in 0..10 {
            executor::spawn(hello(i, wg.guard())); // wg.Add(1); go hello(i)
        }
        wg.wait().await; // wg.Wait()
    });
    Ok(executor.block_on(main)?)
}
