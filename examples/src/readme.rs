//! The programs of the repository's README, which are tests of this library. It is empty otherwise.

/// As README.md has it. There are sockets on Unix only.
#[cfg(all(doctest, unix))]
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct Readme;
