//! `EXECUTOR_DUMP`, where the feature `dump` is on, too.

use super::{HOUR, all_wait, alone, common};
use common::{child, executor, is_child, output_of, watchdog};
use executor::time::sleep;
use std::{os::unix::process::ExitStatusExt, thread};

#[test]
fn a_signal_has_stacks_printed() {
    let _alone = alone();
    let _watchdog = watchdog(60);
    if is_child() {
        let own = executor(2);
        for _ in 0..3 {
            own.spawn(async { sleep(HOUR).await });
        }
        all_wait(&own, 3);
        // SAFETY: it takes a number.
        assert_eq!(unsafe { libc::raise(libc::SIGQUIT) }, 0);
        // The process dies of it when it has printed them.
        loop {
            thread::park();
        }
    }
    let mut command = child();
    command.env("EXECUTOR_DUMP", "QUIT");
    let output = output_of(command);
    assert_eq!(output.status.signal(), Some(libc::SIGQUIT));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("3 tasks at"), "{text}");
    assert!(text.contains("sleep.rs"), "{text}");
    assert!(text.contains("dump_stacks/signal.rs"), "{text}");
}
