//! Tasks for tokio-console to show, until Ctrl-C.

use executor::{TaskBuilder, time::sleep};
use std::time::Duration;
use tokio_console_adapter::Spans;

fn main() -> std::io::Result<()> {
    console_subscriber::init();
    let builder = executor::Builder::new().observer(Spans::default());
    drop(builder.build_global()?);
    executor::block_on(async {
        for number in 0.. {
            let name = TaskBuilder::new().name(format!("sleeper {number}"));
            drop(name.spawn(sleep(Duration::from_secs(5))));
            sleep(Duration::from_secs(1)).await;
        }
    });
    Ok(())
}
