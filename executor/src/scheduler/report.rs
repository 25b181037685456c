//! Errors that must not be overlooked.

use crate::sync::panic::caught;

/// Hands an error to the logger; where nobody logs, to standard error.
pub(super) fn error(text: String) {
    // The logger is foreign code and may panic: whoever reports goes on.
    drop(caught(|| {
        log::error!("{text}");
        if log::max_level() == log::LevelFilter::Off {
            // No logger would have shown it.
            eprintln!("executor: {text}");
        }
    }));
}
