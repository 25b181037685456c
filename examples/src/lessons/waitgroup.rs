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
//! The order of the lines is not promised, and varies from run to run.

use ::waitgroup::WaitGroup;

async fn hello(i: usize, wg: WaitGroup) {
    println!("Hello Goroutine! {i}");
    wg.done(); // Go defers this, and so do `WaitGroup::guard` and `track`: they survive a panic.
}

pub fn main() {
    let main = executor::spawn(async {
        let wg = WaitGroup::new();
        for i in 0..10 {
            wg.add(1);
            executor::spawn(hello(i, wg.clone())); // go hello(i)
        }
        wg.wait().await;
    });
    executor::block_on(main).expect("main does not panic");
}
