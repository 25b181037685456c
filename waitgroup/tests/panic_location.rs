//! A panic names the line that misused the group. Alone in its process, for it sets the panic hook.
#![cfg(not(loom))]

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Mutex;

use waitgroup::WaitGroup;

#[test]
fn the_panics_name_the_line_of_the_caller() {
    static LINES: Mutex<Vec<(String, u32)>> = Mutex::new(Vec::new());
    let before = take_hook();
    set_hook(Box::new(|info| {
        let at = info.location().expect("a location");
        LINES
            .lock()
            .expect("not poisoned")
            .push((at.file().to_owned(), at.line()));
    }));
    let group = WaitGroup::new();
    let first = line!() + 1;
    let _ = catch_unwind(AssertUnwindSafe(|| group.done()));
    let _ = catch_unwind(AssertUnwindSafe(|| group.add(usize::MAX)));
    set_hook(before);
    let lines = LINES.lock().expect("not poisoned");
    assert_eq!(
        *lines,
        [(file!().to_owned(), first), (file!().to_owned(), first + 1)]
    );
}
