//! `Dump::to_json`.

use crate::common::{eventually, watchdog};
use executor::{Executor, TaskBuilder};
use serde_json::Value;
use std::future::pending;

#[test]
fn a_dump_as_json_has_each_task_and_what_is_known_of_it() {
    let _watchdog = watchdog(60);
    for tracks in [false, true] {
        let own = Executor::builder()
            .workers(1)
            .track(tracks)
            .build()
            .unwrap();
        let name = "</script>\u{1b}\"";
        let waits = TaskBuilder::new()
            .name(name)
            .spawn_on(pending::<()>(), &own.handle());
        eventually("it waits", || own.metrics().suspended_tasks() == 1);
        eventually("it sleeps", || own.metrics().idle_threads() == 1);
        let json: Value = serde_json::from_str(&own.handle().dump().to_json()).unwrap();
        assert_eq!(
            (json["workers"].as_u64(), json["threads"].as_u64()),
            (Some(1), Some(1))
        );
        let tasks = json["tasks"].as_array().unwrap();
        assert_eq!(tasks.len(), 1);
        let task = &tasks[0];
        assert_eq!(task["id"].to_string(), waits.id().to_string());
        assert_eq!(task["name"], name);
        assert!(task["spawned_at"].as_str().unwrap().contains("dumps.rs:"));
        assert_eq!(task["state"], if tracks { "leaked" } else { "waiting" });
        assert_eq!(task.get("polls").is_some(), tracks);
        assert_eq!(task.get("wakers").is_some(), tracks);
    }
}
