//! Standard traits and `futures::task::Spawn`.

use crate::common::{Ledger, executor, watchdog};
use executor::{
    AbortHandle, AbortOnDrop, Builder, Executor, Handle, JoinError, JoinHandle, JoinSet, Metrics,
    ProcessorMetrics, ShutdownError, TaskBuilder, TaskId, YieldNow,
};
use futures::task::{Spawn, SpawnExt};
use std::{error::Error, fmt::Debug, hash::Hash, marker::PhantomPinned, sync::mpsc, thread};

fn send_sync_debug<T: Send + Sync + Debug>() {}
fn unpin<T: Unpin>() {}
fn clone<T: Clone>() {}
fn error<T: Error + Send + Sync + 'static>() {}
fn id<T: Copy + Eq + Ord + Hash + std::fmt::Display>() {}

#[test]
fn every_public_type_is_send_sync_and_debug() {
    send_sync_debug::<Executor>();
    send_sync_debug::<Handle>();
    send_sync_debug::<JoinHandle<u32>>();
    send_sync_debug::<AbortOnDrop<u32>>();
    send_sync_debug::<AbortHandle>();
    send_sync_debug::<JoinError>();
    send_sync_debug::<ShutdownError>();
    send_sync_debug::<Metrics>();
    send_sync_debug::<ProcessorMetrics>();
    send_sync_debug::<TaskBuilder>();
    send_sync_debug::<TaskId>();
    send_sync_debug::<YieldNow>();
    fn debug<T: Debug + Send + Sync>() {}
    debug::<Builder>();
}

#[test]
fn handles_are_send_and_sync_even_if_the_output_is_not_sync() {
    send_sync_debug::<JoinHandle<std::cell::Cell<u32>>>();
    send_sync_debug::<AbortOnDrop<std::cell::Cell<u32>>>();
    send_sync_debug::<JoinSet<std::cell::Cell<u32>>>();
}

#[test]
fn handles_are_unpin_whatever_the_output() {
    unpin::<JoinHandle<PhantomPinned>>();
    unpin::<AbortOnDrop<PhantomPinned>>();
    unpin::<AbortHandle>();
    unpin::<JoinSet<PhantomPinned>>();
    unpin::<YieldNow>();
    unpin::<Executor>();
    unpin::<Handle>();
}

#[test]
fn errors_are_errors_and_ids_are_keys() {
    error::<JoinError>();
    error::<ShutdownError>();
    id::<TaskId>();
    clone::<Handle>();
    clone::<Builder>();
    clone::<AbortHandle>();
    clone::<Metrics>();
}

fn use_generically(spawner: &impl Spawn) {
    let (send, receive) = mpsc::channel();
    let name = || thread::current().name().map(str::to_owned);
    spawner
        .spawn(async move { send.send(name()).unwrap() })
        .unwrap();
    assert_eq!(receive.recv().unwrap().as_deref(), Some("generic"));
    let handle = spawner.spawn_with_handle(async { 7 }).unwrap();
    assert_eq!(futures::executor::block_on(handle), 7);
    let (send, receive) = mpsc::channel();
    let boxed = Box::pin(async move { send.send(8).unwrap() });
    spawner.spawn_obj(boxed.into()).unwrap();
    assert_eq!(receive.recv().unwrap(), 8);
    assert!(spawner.status().is_ok());
}

#[test]
fn library_code_can_be_generic_over_spawn() {
    let _watchdog = watchdog(60);
    let own = Executor::builder()
        .workers(1)
        .thread_name("generic")
        .build()
        .unwrap();
    use_generically(&own);
    use_generically(&&own);
    use_generically(&own.handle());
    use_generically(&Box::new(own.handle()));
}

#[test]
fn spawn_on_the_handle_of_a_dead_executor_reports_shutdown() {
    let _watchdog = watchdog(60);
    let own = executor(1);
    let handle = own.handle();
    drop(own);
    let ledger = Ledger::new();
    let guard = ledger.guard();
    assert!(handle.status().unwrap_err().is_shutdown());
    assert!(handle.spawn(async move { drop(guard) }).is_finished());
    let guard = ledger.guard();
    assert!(
        SpawnExt::spawn(&handle, async move { drop(guard) })
            .unwrap_err()
            .is_shutdown()
    );
    ledger.assert_settled();
}
