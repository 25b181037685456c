//! `go hello()`: a task of its own, and a main that does not wait for it.
//!
//! ```go
//! func main() {
//!     go hello()
//!     fmt.Println("main goroutine done!")
//! }
//! ```
//!
//! Main returns at once, and the process ends with it. The task has not had its
//! turn by then, so there is no `Hello Goroutine!`.

use super::go_main::go_main;
use crate::Result;

async fn hello() {
    println!("Hello Goroutine!");
}

pub fn main() -> Result<()> {
    go_main(async {
        executor::spawn(hello()); // go hello()
        println!("main goroutine done!");
    })
}
