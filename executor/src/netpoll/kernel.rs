//! The selector that ships: mio's, edge-triggered.

use super::selector::{Control, Event, Fd, Happened, Interest, Key, Selector};
use mio::{Token, unix::SourceFd};
use std::{io, time::Duration};

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
        use std::{os::fd::AsRawFd, ptr};
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

impl Control for KernelControl {
    fn add(&self, fd: Fd, key: Key, interest: Interest) -> io::Result<()> {
        self.registry
            .register(&mut SourceFd(&fd), Token(key), interest.into())
    }

    fn widen(&self, fd: Fd, key: Key) -> io::Result<()> {
        self.registry
            .reregister(&mut SourceFd(&fd), Token(key), Interest::Both.into())
    }

    fn remove(&self, fd: Fd) -> io::Result<()> {
        self.registry.deregister(&mut SourceFd(&fd))
    }

    fn interrupt(&self) {
        // It fails if the process has closed our descriptor. Later waits fail too; whoever waits at
        // that moment hears of events, and of nothing else.
        let _ = self.waker.wake();
    }
}
