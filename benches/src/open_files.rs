//! How many files a process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;

/// Raises the limit as far as this process may: the limit then.
///
/// # Errors
///
/// If the system refuses.
pub fn raise_limit() -> io::Result<usize> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    )?;
    // None is no limit at all.
    Ok(maximum.map_or(usize::MAX, |limit| limit.try_into().unwrap_or(usize::MAX)))
}
