//! The promises of `executor::net` and `executor::signal`, and what broke elsewhere. One test each,
//! named after the promise.
#![cfg(all(feature = "net", target_os = "linux"))]

#[path = "../common/mod.rs"]
mod common;

mod adapters;
mod addresses;
mod any_descriptor;
mod bad_days;
mod broken;
mod cancelling;
mod connecting;
mod conversions;
mod directions;
mod fairness;
mod fork;
mod listening;
mod moving;
mod sockets;
mod splitting;
mod tcp;
mod trying;
mod udp;
mod unix;
mod waiting;

#[cfg(feature = "signal")]
mod signals;
