//! Pages to read: how what one knows is done here, and what to choose.
//!
//! | page | what it tells |
//! | --- | --- |
//! | [`from_tokio`] | what becomes of each thing of tokio's, and what differs |
//! | [`from_go`] | what becomes of each thing of Go's: `select`, channels, contexts, panics |
//! | [`blocking`] | which call to make when code blocks or computes, and what each costs |
//! | [`channels`] | which crate's channels to use, by how fast they are and what they lose |
//! | [`shutting_down`] | how a service ends: what it hears, what it lets end, what it drops |
//!
//! Why a program hangs is told by the module [`dump`](crate::dump). Every example of these pages runs as a
//! test. The modules hold nothing but their text.

#[doc = include_str!("from_tokio.md")]
pub mod from_tokio {}

#[doc = include_str!("from_go.md")]
pub mod from_go {}

#[doc = include_str!("blocking.md")]
pub mod blocking {}

#[doc = include_str!("channels.md")]
pub mod channels {}

#[doc = include_str!("shutting_down.md")]
pub mod shutting_down {}
