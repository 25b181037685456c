//! Main sleeps a second: time enough for the task.
//!
//! ```go
//! func main() {
//!     go hello()
//!     fmt.Println("main goroutine done!")
//!     time.Sleep(time.Second)
//! }
//! ```
//!
//! Main still prints first: the only worker is busy with main until main falls
//! asleep, and takes up the new task only then.

use std::time::Duration;

use super::go_main::go_main;
use crate::Result;
use executor::time::sleep;

async fn hello() {
    println!("Hello Goroutine!");
}

pub fn main() -> Result<()> {
    go_main(async {
        executor::spawn(hello()); // go hello()
        println!("main goroutine done!");
        sleep(Duration::from_secs(1)).await; // time.Sleep(time.Second)
    })
}
