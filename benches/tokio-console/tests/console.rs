//! What a console is told, over the network as it asks.

use console_api::instrument::{InstrumentRequest, instrument_client::InstrumentClient};
use console_subscriber::ConsoleLayer;
use executor::{Executor, TaskBuilder, time::sleep};
use std::{net::TcpListener, time::Duration};
use tokio_console_adapter::Spans;
use tracing_subscriber::prelude::*;

/// The strings of all fields of all tasks that the console is told of.
async fn fields_of_tasks(address: String) -> Vec<String> {
    let mut client = loop {
        match InstrumentClient::connect(address.clone()).await {
            Ok(client) => break client,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    let updates = client.watch_updates(InstrumentRequest {}).await;
    let mut updates = updates.expect("the console is served").into_inner();
    let mut told = Vec::new();
    while let Some(update) = updates.message().await.expect("it goes on") {
        let tasks = update.task_update.map(|update| update.new_tasks);
        for task in tasks.unwrap_or_default() {
            told.extend(task.fields.iter().map(|field| format!("{field:?}")));
            told.extend(task.location.map(|location| format!("{location:?}")));
        }
        if told.iter().any(|field| field.contains("sleeper")) {
            break;
        }
    }
    told
}

#[test]
fn a_console_is_told_of_our_tasks_with_names_and_lines() {
    // A port that was free just now.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = port.expect("there is a free port");
    let layer = ConsoleLayer::builder().server_addr(address).spawn();
    tracing_subscriber::registry().with(layer).init();
    let own = Executor::builder().workers(1).observer(Spans::default());
    let own = own.build().expect("an executor starts");
    let handle = own.handle();
    let sleeper = TaskBuilder::new().name("sleeper");
    let sleeper = sleeper.spawn_on(sleep(Duration::from_secs(3600)), &handle);
    let client = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let client = client.expect("a runtime for the client");
    let limit = Duration::from_secs(60);
    let told = client.block_on(async {
        tokio::time::timeout(limit, fields_of_tasks(format!("http://{address}"))).await
    });
    let told = told
        .expect("the console hears of the task in time")
        .join("\n");
    assert!(told.contains("sleeper"), "{told}");
    assert!(told.contains("console.rs"), "{told}");
    drop(sleeper);
}
