//! The one place that knows whether the crate runs on std or on loom's model of it.

#[cfg(not(loom))]
pub(crate) use std::{
    hint,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

#[cfg(loom)]
pub(crate) use loom::{
    hint,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};
