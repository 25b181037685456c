//! `block_in_place`, `spawn_blocking`, and `block_on` inside of tasks.

use crate::common::{Boxed, quiet_panic};
use executor::{TaskId, block_in_place, block_on, spawn, spawn_blocking, yield_now};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

fn nest(depth: usize) -> Boxed<usize> {
    Box::pin(async move {
        match depth {
            0 => 0,
            _ => block_on(spawn(nest(depth - 1))).unwrap() + 1,
        }
    })
}

promises! {
    async fn spawn_blocking_yields_what_the_closure_returns() {
        let tasks: Vec<_> = (0..20).map(|i| spawn_blocking(move || i)).collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        assert_eq!(sum, 190);
        let task = spawn_blocking(|| -> u32 { quiet_panic("spawned") });
        assert!(task.await.unwrap_err().is_panic());
    }

    async fn a_closure_of_spawn_blocking_may_wait_for_a_task() {
        let task = spawn_blocking(|| block_on(spawn(async { 7 })).unwrap());
        assert_eq!(task.await.unwrap(), 7);
    }

    async fn block_in_place_stays_on_its_thread_and_the_task_goes_on_there() {
        let task = spawn(async {
            let outside = thread::current().id();
            let inside = block_in_place(|| thread::current().id());
            inside == outside && thread::current().id() == outside
        });
        assert!(task.await.unwrap());
    }

    async fn block_in_place_may_be_nested() {
        let task = spawn(async {
            block_in_place(|| {
                block_in_place(|| {
                    block_on(async {
                        let task = spawn(async { 3 });
                        block_in_place(|| block_on(task).unwrap())
                    })
                })
            })
        });
        assert_eq!(task.await.unwrap(), 3);
        assert_eq!(spawn(async { 4 }).await.unwrap(), 4);
    }

    async fn a_panic_unwinds_out_of_block_in_place() {
        let task = spawn(async {
            let call = || block_in_place(|| -> u32 { quiet_panic("blocking") });
            let caught = catch_unwind(AssertUnwindSafe(call)).is_err();
            let next = spawn(async { 1 }).await.unwrap();
            (caught, next)
        });
        assert_eq!(task.await.unwrap(), (true, 1));
    }

    async fn inside_a_task_block_on_waits_for_another_task() {
        let outer = spawn(async {
            let before = spawn(async { 1 });
            let during = block_on(async { spawn(async { 2 }).await.unwrap() });
            block_on(before).unwrap() + during
        });
        assert_eq!(outer.await.unwrap(), 3);
    }

    async fn inside_a_task_block_on_lets_the_other_tasks_go_on() {
        let (send, receive) = async_channel::bounded::<u32>(1);
        let outer = spawn(async move { block_on(receive.recv()).unwrap() });
        let handle = outer.abort_handle();
        let others = spawn(async move {
            for i in 0..20 {
                assert_eq!(spawn(async move { i }).await.unwrap(), i);
            }
            assert!(!handle.is_finished());
            send.send(7).await.unwrap();
        });
        assert_eq!(outer.await.unwrap(), 7);
        others.await.unwrap();
    }

    async fn inside_tasks_block_on_nests_64_deep() {
        assert_eq!(spawn(nest(64)).await.unwrap(), 64);
    }

    async fn inside_a_task_the_panic_of_a_block_on_is_the_tasks() {
        let task = spawn(async {
            block_on(async {
                yield_now().await;
                quiet_panic("nested")
            })
        });
        let error = task.await.map(|never: ()| never).unwrap_err();
        assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "nested");
        assert_eq!(spawn(async { 7 }).await.unwrap(), 7);
    }

    async fn what_a_task_calls_is_part_of_it() {
        let task = spawn(async {
            let in_place = block_in_place(TaskId::current);
            let nested = block_on(async { TaskId::current() });
            [in_place, nested, TaskId::current()]
        });
        let id = Some(task.id());
        assert_eq!(task.await.unwrap(), [id; 3]);
        let closure = spawn_blocking(TaskId::current);
        let id = closure.id();
        assert_eq!(closure.await.unwrap(), Some(id));
    }
}
