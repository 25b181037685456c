//! The promises of `executor`'s public interface, one test each, named after the promise.

mod common;

#[path = "contract/abort.rs"]
mod abort;
#[path = "contract/block_on.rs"]
mod block_on;
#[path = "contract/blocking.rs"]
mod blocking;
#[path = "contract/builder.rs"]
mod builder;
#[path = "contract/fairness.rs"]
mod fairness;
#[path = "contract/handle.rs"]
mod handle;
#[path = "contract/idle.rs"]
mod idle;
#[path = "contract/join.rs"]
mod join;
#[path = "contract/metrics.rs"]
mod metrics;
#[path = "contract/shutdown.rs"]
mod shutdown;
#[path = "contract/spawn.rs"]
mod spawn;
#[path = "contract/time.rs"]
mod time;
#[path = "contract/traits.rs"]
mod traits;
