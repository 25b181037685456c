//! The one place that knows whether the crate runs on std or on loom's model of it.

#[cfg(not(loom))]
pub(crate) use std::{
    hint,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread_local as local,
};

#[cfg(loom)]
pub(crate) use loom::{
    hint,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

/// loom's, which does not know `const`.
#[cfg(loom)]
macro_rules! local {
    (static $name:ident: $type:ty = const $init:block;) => {
        loom::thread_local! { static $name: $type = $init; }
    };
}
#[cfg(loom)]
pub(crate) use local;
