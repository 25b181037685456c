//! Who is at the other end.

use std::{io, os::fd::BorrowedFd};

/// The user, the group and the process at the other end of a connection, as they were when it was
/// made: what [`UnixStream::peer_cred`](super::UnixStream::peer_cred) returns. The name is tokio's.
///
/// # Examples
///
/// ```
/// use executor::net::unix::UnixStream;
///
/// # executor::block_on(async {
/// let (one, _other) = UnixStream::pair()?;
/// let peer = one.peer_cred()?;
/// // Not every system tells the process.
/// assert!(peer.pid().is_none_or(|pid| pid as u32 == std::process::id()));
/// println!("user {}, group {}", peer.uid(), peer.gid());
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UCred {
    uid: libc::uid_t,
    gid: libc::gid_t,
    pid: Option<libc::pid_t>,
}

impl UCred {
    /// Returns the user's id. For an example, see [`UCred`].
    #[must_use]
    pub fn uid(&self) -> libc::uid_t {
        self.uid
    }

    /// Returns the group's id. For an example, see [`UCred`].
    #[must_use]
    pub fn gid(&self) -> libc::gid_t {
        self.gid
    }

    /// Returns the process's id, where the system tells it. (Linux does.) For an example, see
    /// [`UCred`].
    #[must_use]
    pub fn pid(&self) -> Option<libc::pid_t> {
        self.pid
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn of_peer(fd: BorrowedFd<'_>) -> io::Result<UCred> {
    use std::{mem::size_of, os::fd::AsRawFd};

    let mut found = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: a place of that length, and for what of it is used.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut found).cast(),
            &mut length,
        )
    };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(UCred {
        uid: found.uid,
        gid: found.gid,
        pid: Some(found.pid),
    })
}

#[cfg(any(
    target_vendor = "apple",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd"
))]
pub(super) fn of_peer(fd: BorrowedFd<'_>) -> io::Result<UCred> {
    use std::os::fd::AsRawFd;

    let (mut uid, mut gid) = (0, 0);
    // SAFETY: places for both.
    if unsafe { libc::getpeereid(fd.as_raw_fd(), &mut uid, &mut gid) } == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(UCred {
        uid,
        gid,
        pid: None,
    })
}

#[cfg(not(any(
    target_vendor = "apple",
    target_os = "android",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "linux",
    target_os = "netbsd",
    target_os = "openbsd"
)))]
pub(super) fn of_peer(_: BorrowedFd<'_>) -> io::Result<UCred> {
    Err(io::ErrorKind::Unsupported.into())
}
