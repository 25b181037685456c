use std::cell::Cell;

fn main() {
    let calls = Cell::new(0);
    let counts = move || calls.set(calls.get() + 1);
    drop(executor::Executor::builder().on_thread_start(counts)); //~ E0277
}
