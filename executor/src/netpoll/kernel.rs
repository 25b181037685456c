//! The selector that ships: mio's, edge-triggered.

use super::selector::{Control, Event, Fd, Happened, Interest, Key, Refused, Selector};
use mio::{Token, unix::SourceFd};
use std::{io, mem, os::fd::AsRawFd, sync::Mutex, time::Duration};

/// Events that one call fetches at most: half of a worker's queue.
const MOST_EVENTS: usize = 128;

/// The waker's.
const INTERRUPT: Token = Token(usize::MAX);

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Kernel {
    poll: mio::Poll,
    events: mio::Events,
}

/// See [`Control`].
#[derive(Debug)]
pub(crate) struct KernelControl {
    registry: mio::Registry,
    waker: mio::Waker,
}

impl Selector for Kernel {
    type Control = KernelControl;

    fn open() -> io::Result<(Kernel, KernelControl)> {
        let poll = mio::Poll::new()?;
        let control = KernelControl {
            registry: poll.registry().try_clone()?,
            waker: mio::Waker::new(poll.registry(), INTERRUPT)?,
        };
        let events = mio::Events::with_capacity(MOST_EVENTS);
        Ok((Kernel { poll, events }, control))
    }

    fn wait(&mut self, timeout: Option<Duration>, mut tell: impl FnMut(Event)) -> io::Result<()> {
        match self.wait_for(timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        let events = self.events.iter();
        let events = events.filter(|event| event.token() != INTERRUPT);
        events.map(told).for_each(&mut tell);
        Ok(())
    }

    fn is_lost(&mut self, control: &KernelControl) -> bool {
        let fails = self.wait(Some(Duration::ZERO), |_| ()).is_err();
        fails || !is_open(control.registry.as_raw_fd())
    }

    fn abandon(self, control: KernelControl) {
        /// Whose drop would close something. (They have a little memory of mio's, too.)
        static ABANDONED: Mutex<Vec<(mio::Poll, KernelControl)>> = Mutex::new(Vec::new());
        let lost = (self.poll, control);
        // Nobody waits for it: a forked child may have it locked for ever.
        match ABANDONED.try_lock() {
            Ok(mut abandoned) => abandoned.push(lost),
            Err(_) => mem::forget(lost),
        }
    }
}

impl Kernel {
    /// mio rounds up to milliseconds where the system counts in them. So the last milliseconds
    /// before a timer are slept in `ppoll`, which is exact, and costs 0.3 µs more.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn wait_for(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        const MILLISECOND: Duration = Duration::from_millis(1);
        const EXACT: Duration = Duration::from_millis(10);
        match timeout {
            None | Some(Duration::ZERO) => self.poll.poll(&mut self.events, timeout),
            Some(time) if time < EXACT => {
                self.events.clear();
                if self.sleep_exactly(time)? {
                    self.poll.poll(&mut self.events, Some(Duration::ZERO))?;
                }
                Ok(())
            }
            Some(time) => self.poll.poll(&mut self.events, Some(time - MILLISECOND)),
        }
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn wait_for(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.poll.poll(&mut self.events, timeout)
    }

    /// Sleeps until there are events; returns whether there are any.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn sleep_exactly(&self, time: Duration) -> io::Result<bool> {
        use std::ptr;
        let mut own = libc::pollfd {
            fd: self.poll.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let time = libc::timespec {
            tv_sec: 0,
            tv_nsec: time.subsec_nanos().into(),
        };
        // SAFETY: one entry and a time, both of which live during the call; no mask of signals.
        match unsafe { libc::ppoll(&raw mut own, 1, &raw const time, ptr::null()) } {
            -1 => Err(io::Error::last_os_error()),
            count => Ok(count > 0),
        }
    }
}

fn told(event: &mio::event::Event) -> Event {
    // A descriptor that has only an error says neither that it can be read nor that it can be
    // written; but either would say what the error is.
    let happened = |ready, closed| match (ready, closed) {
        (_, true) => Happened::Closed,
        (true, false) => Happened::Ready,
        (false, false) => Happened::Nothing,
    };
    let error = event.is_error();
    Event {
        key: event.token().0,
        // A read stops at urgent data: that it ran short says nothing.
        read: happened(
            event.is_readable() || error,
            event.is_read_closed() || event.is_priority(),
        ),
        write: happened(event.is_writable() || error, event.is_write_closed()),
    }
}

impl From<Interest> for mio::Interest {
    fn from(interest: Interest) -> mio::Interest {
        let read = mio::Interest::READABLE;
        // To learn of urgent data. kqueue tells of none.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let read = read | mio::Interest::PRIORITY;
        match interest {
            Interest::Read => read,
            Interest::Both => read | mio::Interest::WRITABLE,
        }
    }
}

/// Whose fault it is that a descriptor was not registered. `own` is the selector's.
fn blame(error: io::Error, own: Fd) -> Refused {
    let is_selectors = match error.raw_os_error() {
        // One of the two numbers is nobody's.
        Some(libc::EBADF) => !is_open(own),
        // Ours is that of something else by now. (kqueue says so of what it does not watch.)
        Some(libc::EINVAL) => cfg!(any(target_os = "linux", target_os = "android")),
        _ => false,
    };
    if is_selectors {
        Refused::Selector(error)
    } else {
        Refused::Descriptor(error)
    }
}

fn is_open(fd: Fd) -> bool {
    // SAFETY: takes numbers.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 }
}

impl Control for KernelControl {
    fn add(&self, fd: Fd, key: Key, interest: Interest) -> Result<(), Refused> {
        self.registry
            .register(&mut SourceFd(&fd), Token(key), interest.into())
            .map_err(|error| blame(error, self.registry.as_raw_fd()))
    }

    fn widen(&self, fd: Fd, key: Key) -> Result<(), Refused> {
        self.registry
            .reregister(&mut SourceFd(&fd), Token(key), Interest::Both.into())
            .map_err(|error| blame(error, self.registry.as_raw_fd()))
    }

    fn remove(&self, fd: Fd) -> io::Result<()> {
        self.registry.deregister(&mut SourceFd(&fd))
    }

    /// It fails if the process has closed the waker's descriptor. Whoever waits at that moment
    /// hears of events, and of nothing else.
    fn interrupt(&self) -> io::Result<()> {
        self.waker.wake()
    }
}
