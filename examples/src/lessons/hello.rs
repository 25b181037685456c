//! A plain call: `hello` returns, and only then main goes on.
//!
//! ```go
//! func main() {
//!     hello()
//!     fmt.Println("main goroutine done!")
//! }
//! ```

async fn hello() {
    println!("Hello Goroutine!");
}

pub fn main() {
    executor::block_on(async {
        hello().await;
        println!("main goroutine done!");
    });
}
