//! tokio's own functions in our tasks: what each says bare, and that it works through the bridge.

mod common;

use common::{NO_REACTOR, Result, assert_is_on_our_threads, panic_of, run, run_inside_tokio};
use std::time::Duration;
use tokio::{fs, net, sync, task, time};

const SHORT: Duration = Duration::from_millis(1);

async fn listen() -> Result {
    net::TcpListener::bind("127.0.0.1:0").await?;
    Ok(())
}

async fn pass_time() -> Result {
    time::sleep(SHORT).await;
    let never = time::timeout(SHORT, std::future::pending::<()>()).await;
    never.expect_err("time is up");
    Ok(())
}

async fn spawn() -> Result {
    Ok(tokio::spawn(async {}).await?)
}

async fn spawn_blocking() -> Result {
    Ok(task::spawn_blocking(|| ()).await?)
}

async fn read() -> Result {
    assert!(
        fs::read_to_string("Cargo.toml")
            .await?
            .contains("[package]")
    );
    Ok(())
}

#[test]
fn bare_what_needs_its_runtime_panics() {
    assert_eq!(panic_of(listen()), NO_REACTOR);
    assert_eq!(panic_of(pass_time()), NO_REACTOR);
    assert_eq!(panic_of(spawn()), NO_REACTOR);
    assert_eq!(panic_of(spawn_blocking()), NO_REACTOR);
    assert_eq!(panic_of(read()), NO_REACTOR);
}

#[test]
fn through_the_bridge_it_works() {
    run_inside_tokio(async {
        listen().await?;
        pass_time().await?;
        spawn().await?;
        spawn_blocking().await?;
        read().await?;
        assert_is_on_our_threads();
        Ok(())
    });
}

#[test]
fn bare_its_channels_and_locks_work() {
    run(async {
        let (sender, mut receiver) = sync::mpsc::channel(1);
        let lock = sync::Mutex::new(());
        let task = executor::spawn(async move { sender.send(7).await });
        let _locked = lock.lock().await;
        assert_eq!(receiver.recv().await, Some(7));
        Ok(task.await??)
    });
}
