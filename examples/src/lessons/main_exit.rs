//! When main ends, every other task ends with it, in the middle of its work.
//!
//! ```go
//! func main() {
//!     go func() {
//!         i := 0
//!         for {
//!             i++
//!             fmt.Printf("new goroutine: i = %d\n", i)
//!             time.Sleep(time.Second)
//!         }
//!     }()
//!     i := 0
//!     for {
//!         i++
//!         fmt.Printf("main goroutine: i = %d\n", i)
//!         time.Sleep(time.Second)
//!         if i == 2 {
//!             break
//!         }
//!     }
//! }
//! ```

use std::time::Duration;

use super::go_main::go_main;
use crate::Result;
use executor::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

async fn count_for_ever() {
    let mut i = 0;
    loop {
        i += 1;
        println!("new goroutine: i = {i}");
        sleep(SECOND).await;
    }
}

pub fn main() -> Result<()> {
    go_main(async {
        executor::spawn(count_for_ever()); // go func() { .. }()
        for i in 1..=2 {
            println!("main goroutine: i = {i}");
            sleep(SECOND).await;
        }
    })
}
