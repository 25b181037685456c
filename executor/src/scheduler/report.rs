//! What the runtime itself writes to standard error: it neither panics nor, but for dumps, is waited
//! for.
//!
//! `eprintln!` panics if nobody reads a pipe any more, waits for whoever does not empty a full one,
//! and holds std's lock meanwhile, so that others wait as well. Here a line that cannot be written
//! at once is left out.

#[cfg(unix)]
use std::time::Duration;

#[cfg(not(unix))]
pub(super) use elsewhere::write;
#[cfg(unix)]
pub(super) use unix::write;
#[cfg(all(unix, not(shuttle)))]
pub(super) use unix::write_whole;

/// Writes a dump to standard error, unless nothing of it is taken for a second.
pub(super) fn dump(text: &str) {
    #[cfg(unix)]
    unix::write_whole(text.as_bytes(), Some(Duration::from_secs(1)));
    #[cfg(not(unix))]
    write(text.as_bytes());
}

/// Writes a line to standard error, if that is possible at once.
pub(super) fn line(text: &str) {
    write(format!("{text}\n").as_bytes());
}

#[cfg(unix)]
mod unix {
    use std::{
        ffi::c_int,
        fs::File,
        io::{self, ErrorKind, Write},
        mem::ManuallyDrop,
        os::fd::FromRawFd,
        time::Duration,
    };

    /// What a pipe that takes anything takes at once, on every system.
    pub(super) const AT_ONCE: usize = 512;

    /// Writes as much as standard error takes at once.
    pub(crate) fn write(bytes: &[u8]) {
        write_whole(bytes, Some(Duration::ZERO));
    }

    /// Writes everything, and waits for whoever does not empty a pipe: for ever, or until nothing
    /// was taken for so long. Gives up, and returns false, if nobody can read it any more. Takes no
    /// lock, and allocates nothing.
    pub(crate) fn write_whole(mut bytes: &[u8], patience: Option<Duration>) -> bool {
        // SAFETY: nobody closes it here. If somebody else has, each use is an error.
        let stderr = unsafe { File::from_raw_fd(libc::STDERR_FILENO) };
        let mut stderr = ManuallyDrop::new(stderr);
        while !bytes.is_empty() && takes_more(patience) {
            match stderr.write(piece(bytes)) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Somebody else may have been faster.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return false,
            }
        }
        bytes.is_empty()
    }

    /// What to write at a time: whole lines, if they are short, so that those of others come between
    /// them.
    pub(super) fn piece(bytes: &[u8]) -> &[u8] {
        let piece = &bytes[..bytes.len().min(AT_ONCE)];
        let lines = piece.iter().rposition(|&byte| byte == b'\n');
        lines.map_or(piece, |end| &piece[..=end])
    }

    /// Whether standard error takes some bytes without a wait, or does so within this time, and
    /// without a signal for a pipe that nobody reads.
    fn takes_more(patience: Option<Duration>) -> bool {
        /// It waits for ever.
        const FOR_EVER: c_int = -1;
        let ms = patience.map_or(FOR_EVER, |time| time.as_millis() as c_int);
        let mut stderr = libc::pollfd {
            fd: libc::STDERR_FILENO,
            events: libc::POLLOUT,
            revents: 0,
        };
        loop {
            // SAFETY: one entry, as the number says.
            let ready = unsafe { libc::poll(&mut stderr, 1, ms) };
            let is_interrupted = || io::Error::last_os_error().kind() == ErrorKind::Interrupted;
            if ready >= 0 || !is_interrupted() {
                return ready == 1 && stderr.revents == libc::POLLOUT;
            }
        }
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

#[cfg(all(test, unix, not(shuttle)))]
mod tests {
    use super::unix::{AT_ONCE, piece};

    #[test]
    fn lines_are_written_whole_where_they_are_short() {
        assert_eq!(piece(b"one\ntwo\nthr"), b"one\ntwo\n");
        assert_eq!(piece(b"one"), b"one");
        assert_eq!(piece(b""), b"");
        let long = [b'x'; 2 * AT_ONCE];
        assert_eq!(piece(&long).len(), AT_ONCE);
        let long_second = [&b"one\n"[..], &long].concat();
        assert_eq!(piece(&long_second), b"one\n");
    }
}
