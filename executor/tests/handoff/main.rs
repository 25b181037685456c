//! A task that blocks its thread delays nobody: announced or not, asleep or computing, at the limits
//! and without hand-off; and what that costs.
#![cfg(not(loom))]

#[path = "../common/mod.rs"]
mod common;

mod announced;
mod computing;
mod foreign;
mod limit;
#[cfg(target_os = "linux")]
mod monitor;
mod unannounced;
mod without;
