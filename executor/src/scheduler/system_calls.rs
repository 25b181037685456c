//! The names of the system calls in which threads sleep.

/// The name of the call with this number, if it is one that may sleep for long.
pub(super) fn name(number: u64) -> Option<&'static str> {
    let named = NAMES.iter().find(|(named, _)| *named == number);
    named.map(|(_, name)| *name)
}

/// The numbers of these calls, with their names.
macro_rules! numbered {
    ($($(#[$cfg:meta])? $number:ident $name:literal)*) => {
        &[$($(#[$cfg])? (libc::$number as u64, $name),)*]
    };
}

/// Numbers differ from one architecture to the next: they are known of those that are common.
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
const NAMES: &[(u64, &str)] = numbered! {
    SYS_futex "futex"
    SYS_nanosleep "nanosleep"
    SYS_clock_nanosleep "clock_nanosleep"
    SYS_sched_yield "sched_yield"
    SYS_read "read"
    SYS_readv "readv"
    SYS_pread64 "pread64"
    SYS_preadv "preadv"
    SYS_write "write"
    SYS_writev "writev"
    SYS_pwrite64 "pwrite64"
    SYS_pwritev "pwritev"
    SYS_recvfrom "recvfrom"
    SYS_recvmsg "recvmsg"
    SYS_recvmmsg "recvmmsg"
    SYS_sendto "sendto"
    SYS_sendmsg "sendmsg"
    SYS_sendmmsg "sendmmsg"
    SYS_sendfile "sendfile"
    SYS_splice "splice"
    SYS_copy_file_range "copy_file_range"
    SYS_accept "accept"
    SYS_accept4 "accept4"
    SYS_connect "connect"
    SYS_ppoll "ppoll"
    SYS_pselect6 "pselect6"
    SYS_epoll_pwait "epoll_pwait"
    SYS_io_getevents "io_getevents"
    SYS_io_uring_enter "io_uring_enter"
    SYS_wait4 "wait4"
    SYS_waitid "waitid"
    SYS_flock "flock"
    SYS_fcntl "fcntl"
    SYS_fsync "fsync"
    SYS_fdatasync "fdatasync"
    SYS_sync "sync"
    SYS_syncfs "syncfs"
    SYS_msync "msync"
    SYS_openat "openat"
    SYS_ioctl "ioctl"
    SYS_getrandom "getrandom"
    SYS_rt_sigtimedwait "rt_sigtimedwait"
    SYS_rt_sigsuspend "rt_sigsuspend"
    SYS_semtimedop "semtimedop"
    SYS_msgrcv "msgrcv"
    SYS_mq_timedreceive "mq_timedreceive"
    SYS_restart_syscall "restart_syscall"
    SYS_madvise "madvise"
    SYS_munmap "munmap"
    #[cfg(target_arch = "x86_64")] SYS_poll "poll"
    #[cfg(target_arch = "x86_64")] SYS_select "select"
    #[cfg(target_arch = "x86_64")] SYS_epoll_wait "epoll_wait"
    #[cfg(target_arch = "x86_64")] SYS_pause "pause"
    #[cfg(target_arch = "x86_64")] SYS_open "open"
};

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
const NAMES: &[(u64, &str)] = &[];

#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_call_has_its_own_name() {
        assert_eq!(name(0), Some("read"));
        assert_eq!(name(202), Some("futex"));
        assert_eq!(name(39), None, "getpid does not sleep");
        let numbers: HashSet<_> = NAMES.iter().map(|(number, _)| number).collect();
        let names: HashSet<_> = NAMES.iter().map(|(_, name)| name).collect();
        assert_eq!((numbers.len(), names.len()), (NAMES.len(), NAMES.len()));
    }
}
