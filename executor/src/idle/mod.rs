//! Who runs, who sleeps, who is woken: the core protocols, on numbers only. `README.md` has the
//! states of a machine and the reasons; read it first.

pub(crate) mod accounting;
pub(crate) mod attention;
pub(crate) mod machine;
#[cfg(all(test, loom))]
pub(crate) mod models;
pub(crate) mod monitor_sleep;
pub(crate) mod parker;
pub(crate) mod permit;
pub(crate) mod pool;
pub(crate) mod work_loop;
