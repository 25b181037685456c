//! Looking at a datagram that stays where it is, which std does not do yet.

use crate::net::sys;
#[cfg(target_os = "android")]
use std::os::android::net::SocketAddrExt;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::{
    ffi::OsStr,
    io,
    mem::{offset_of, size_of_val, zeroed},
    os::{
        fd::AsRawFd,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
};

/// As `recv_from`, but the datagram stays.
pub(super) fn peek_from(socket: &UnixDatagram, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    // SAFETY: numbers, each of which may be 0.
    let mut from: libc::sockaddr_un = unsafe { zeroed() };
    let mut length = size_of_val(&from) as libc::socklen_t;
    // SAFETY: places of those lengths, which are only written to.
    let received = unsafe {
        libc::recvfrom(
            socket.as_raw_fd(),
            buf.as_mut_ptr().cast(),
            buf.len(),
            libc::MSG_PEEK,
            (&raw mut from).cast(),
            &raw mut length,
        )
    };
    Ok((sys::counted(received)?, address(&from, length as usize)?))
}

/// The address that the system has written, `length` bytes of it.
fn address(from: &libc::sockaddr_un, length: usize) -> io::Result<SocketAddr> {
    // The end of a path of the greatest length counts, and has no room.
    let length = length.saturating_sub(offset_of!(libc::sockaddr_un, sun_path));
    let name = from.sun_path.iter().take(length).map(|&byte| byte as u8);
    let name: Vec<u8> = name.collect();
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some((0, name)) = name.split_first() {
        return SocketAddr::from_abstract_name(name);
    }
    let path = name.split(|&byte| byte == 0).next().unwrap_or_default();
    // Without a path it has no name. Nor has it one for std if the path fills all of the room.
    SocketAddr::from_pathname(OsStr::from_bytes(path)).or_else(|_| SocketAddr::from_pathname(""))
}
