//! Every workload runs on every Rust runtime, tiny.

use benches::{
    runtime::{DefaultExecutor, FuturesPool, OwnedExecutor, OwnedSmol, Runtime, StaticSmol, Tokio},
    workload::{AwaitGroup, Count, Group, OurGroup, PeerGroup, WORKLOADS, run},
};

const WORKERS: usize = 2;

fn run_all<R: Runtime, G: Count>(group: Group) {
    R::start(WORKERS);
    for workload in WORKLOADS.iter().filter(|workload| workload.group == group) {
        let figures = run::<R, G>(workload.name, workload.quick, WORKERS)
            .unwrap_or_else(|error| panic!("{}: {error}", workload.name));
        assert_eq!(figures.len(), workload.figures.len(), "{}", workload.name);
        for figure in figures {
            assert!(figure.is_finite() && figure >= 0.0, "{}", workload.name);
        }
    }
}

#[test]
fn an_owned_executor_runs_every_workload() {
    run_all::<OwnedExecutor, OurGroup>(Group::Runtimes);
}

#[test]
fn the_default_executor_runs_every_workload() {
    run_all::<DefaultExecutor, OurGroup>(Group::Runtimes);
}

#[test]
fn tokio_runs_every_workload() {
    run_all::<Tokio, OurGroup>(Group::Runtimes);
}

#[test]
fn async_executor_runs_every_workload() {
    run_all::<OwnedSmol, OurGroup>(Group::Runtimes);
}

#[test]
fn static_executor_runs_every_workload() {
    run_all::<StaticSmol, OurGroup>(Group::Runtimes);
}

#[test]
fn the_pool_of_futures_runs_every_workload() {
    run_all::<FuturesPool, OurGroup>(Group::Runtimes);
}

#[test]
fn every_wait_group_is_hammered() {
    run_all::<OwnedExecutor, OurGroup>(Group::WaitGroups);
    run_all::<OwnedExecutor, PeerGroup>(Group::WaitGroups);
    run_all::<OwnedExecutor, AwaitGroup>(Group::WaitGroups);
}
