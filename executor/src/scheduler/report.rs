//! What the runtime itself writes to standard error: it neither panics nor is waited for.
//!
//! `eprintln!` panics if nobody reads a pipe any more, waits for whoever does not empty a full one,
//! and holds std's lock meanwhile, so that others wait as well. Here a line that cannot be written
//! at once is left out.

#[cfg(not(unix))]
pub(super) use elsewhere::write;
#[cfg(unix)]
pub(super) use unix::write;

/// Writes a line to standard error, if that is possible at once.
pub(super) fn line(text: &str) {
    write(format!("{text}\n").as_bytes());
}

#[cfg(unix)]
mod unix {
    use std::{
        fs::File,
        io::{ErrorKind, Write},
        mem::ManuallyDrop,
        os::fd::FromRawFd,
    };

    /// What a pipe that takes anything takes at once, on every system.
    const AT_ONCE: usize = 512;

    /// Writes as much as standard error takes at once.
    pub(crate) fn write(mut bytes: &[u8]) {
        // SAFETY: nobody closes it here. If somebody else has, each use is an error.
        let stderr = unsafe { File::from_raw_fd(libc::STDERR_FILENO) };
        let mut stderr = ManuallyDrop::new(stderr);
        while !bytes.is_empty() && takes_more() {
            match stderr.write(&bytes[..bytes.len().min(AT_ONCE)]) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// Whether standard error takes some bytes without a wait, and without a signal for a pipe that
    /// nobody reads.
    fn takes_more() -> bool {
        let mut stderr = libc::pollfd {
            fd: libc::STDERR_FILENO,
            events: libc::POLLOUT,
            revents: 0,
        };
        // SAFETY: one entry, as the number says; and it does not wait.
        let ready = unsafe { libc::poll(&mut stderr, 1, 0) };
        ready == 1 && stderr.revents == libc::POLLOUT
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use std::io::{self, Write};

    /// Writes to standard error. Nothing says whether that takes time.
    pub(crate) fn write(bytes: &[u8]) {
        // Who could be told?
        let _ = io::stderr().write_all(bytes);
    }
}
