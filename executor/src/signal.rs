//! Signals of the system. Needs the feature `signal`.
//!
//! | item | what it gives |
//! | --- | --- |
//! | [`ctrl_c`] | a future that is ready at the next Ctrl-C |
//! | [`Signals`] | the signals of one's choice, as a [`Stream`] |
//!
//! Signals are caught by `signal-hook-registry`, as tokio's and async-signal's are: handlers that are
//! there already are called, too, and any number of [`Signals`] get each signal.
//!
//! What was caught once stays caught: **the system's default action does not come back**, not even
//! when the [`Signals`] are dropped. After the first [`ctrl_c`] has been polled, Ctrl-C no longer
//! ends the process; whoever wants that calls [`std::process::exit`]. tokio does the same.
//!
//! `EXECUTOR_DUMP` (see the crate's text) catches a signal in the same way.
//!
//! Signals of one kind that come before they are taken may be one, as the system has it.
//!
//! In a [simulation](crate::sim), to wait for one is an error,
//! [`Unsupported`](std::io::ErrorKind::Unsupported).
//!
//! # Fork
//!
//! A forked child and its parent share what wakes a [`Signals`]: a child makes its own, and leaves
//! those of its parent alone.
//!
//! [`Stream`]: https://docs.rs/futures-core/0.3/futures_core/stream/trait.Stream.html

use crate::net::Async;
use futures_core::Stream;
use futures_io::AsyncRead;
use signal_hook_registry::{FORBIDDEN, SigId, register, unregister};
use std::{
    collections::BTreeSet,
    ffi::c_int,
    fmt,
    future::poll_fn,
    io::{self, Write},
    os::unix::net::UnixStream,
    pin::Pin,
    ptr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    task::{Context, Poll, ready},
};

/// A signal. The names are POSIX's, in Rust's spelling.
///
/// # Examples
///
/// ```
/// use executor::signal::Signal;
///
/// assert_eq!(Signal::Term.number(), libc::SIGTERM);
/// assert_eq!(Signal::from(libc::SIGTERM), Signal::Term);
/// assert_eq!(Signal::from(libc::SIGCONT).number(), libc::SIGCONT);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// `SIGALRM`: a timer of `alarm` is over.
    Alrm,
    /// `SIGCHLD`: a child process has ended.
    Chld,
    /// `SIGHUP`: the terminal is gone. Many daemons read their settings again.
    Hup,
    /// `SIGINT`: Ctrl-C.
    Int,
    /// `SIGIO`: a descriptor is ready.
    Io,
    /// `SIGPIPE`: a write that nobody reads. Rust's programs ignore it, and get an error.
    Pipe,
    /// `SIGQUIT`: Ctrl-\\.
    Quit,
    /// `SIGTERM`: the process is to end.
    Term,
    /// `SIGUSR1`: what the user says.
    Usr1,
    /// `SIGUSR2`: what the user says.
    Usr2,
    /// `SIGWINCH`: the terminal has another size.
    Winch,
    /// Another one, by its number. [`Signal::from`] makes it only of numbers that have no name here.
    Other(c_int),
}

/// The signals with a name, and their numbers.
const NAMED: [(Signal, c_int); 11] = [
    (Signal::Alrm, libc::SIGALRM),
    (Signal::Chld, libc::SIGCHLD),
    (Signal::Hup, libc::SIGHUP),
    (Signal::Int, libc::SIGINT),
    (Signal::Io, libc::SIGIO),
    (Signal::Pipe, libc::SIGPIPE),
    (Signal::Quit, libc::SIGQUIT),
    (Signal::Term, libc::SIGTERM),
    (Signal::Usr1, libc::SIGUSR1),
    (Signal::Usr2, libc::SIGUSR2),
    (Signal::Winch, libc::SIGWINCH),
];

impl Signal {
    /// Returns the system's number for it. For an example, see [`Signal`].
    #[must_use]
    pub fn number(self) -> c_int {
        let named = NAMED.iter().find(|(signal, _)| *signal == self);
        match (self, named) {
            (Signal::Other(number), _) => number,
            (_, Some((_, number))) => *number,
            _ => unreachable!("all others have a name"),
        }
    }
}

impl From<c_int> for Signal {
    fn from(number: c_int) -> Signal {
        let named = NAMED.iter().find(|(_, named)| *named == number);
        named.map_or(Signal::Other(number), |(signal, _)| *signal)
    }
}

/// Waits for the next Ctrl-C (`SIGINT`).
///
/// From its first poll on, Ctrl-C no longer ends the process, also when the future is dropped: see
/// [`signal`](self).
///
/// # Errors
///
/// The system's, if the signal cannot be caught.
///
/// # Cancel safety
///
/// A Ctrl-C that comes while no future of this function has been polled is lost. To miss none, keep
/// [`Signals`].
///
/// # Examples
///
/// ```no_run
/// # async fn serve() {}
/// use futures::future::select;
/// use std::pin::pin;
///
/// executor::block_on(async {
///     // Serves until Ctrl-C.
///     select(pin!(serve()), pin!(executor::signal::ctrl_c())).await;
/// });
/// ```
pub async fn ctrl_c() -> io::Result<()> {
    let mut signals = Signals::new([Signal::Int])?;
    poll_fn(|cx| signals.poll_signal(cx)).await.map(drop)
}

/// Signals as they come: a [`Stream`] that never ends.
///
/// Each `Signals` gets each signal that comes between its making and its drop. Handlers that others
/// have set before are called, too; or after, if they chain: one that is set later by `sigaction`, and
/// does not call the handler before it, silences each `Signals` of that signal.
///
/// [`Stream`]: https://docs.rs/futures-core/0.3/futures_core/stream/trait.Stream.html
///
/// # Cancel safety
///
/// Dropping a future of the next item loses no signal.
///
/// # Examples
///
/// ```
/// use executor::signal::{Signal, Signals};
/// use futures::StreamExt;
///
/// # executor::block_on(async {
/// let mut signals = Signals::new([Signal::Usr1, Signal::Term])?;
/// // SAFETY: it takes a number, and the signal is caught.
/// unsafe { libc::raise(libc::SIGUSR1) };
/// let signal = signals.next().await.expect("it never ends")?;
/// assert_eq!(signal, Signal::Usr1);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[must_use = "streams do nothing unless polled"]
pub struct Signals {
    /// Taken from `pending`, and not given yet.
    taken: Pending<u32>,
    pending: Arc<Pending<AtomicU32>>,
    /// There is something to read after signals have come.
    alarm: Async<UnixStream>,
    /// The other end. With no signals nobody else has it, and without it the alarm is at its end.
    _bell: Arc<UnixStream>,
    registered: Registered,
}

/// A bit for each signal that has come. No system has more than 128.
#[derive(Default)]
struct Pending<T>([T; 4]);

const BITS: u32 = u32::BITS;

/// The number of signals that fit, less one.
const LAST: c_int = 4 * BITS as c_int - 1;

impl Pending<AtomicU32> {
    /// Notes a signal. Returns whether a reader may know of none: it has to be alarmed. Runs in the
    /// handler of a signal, and so waits for nobody and allocates nothing.
    fn set(&self, signal: c_int) -> bool {
        let (word, bit) = (signal as u32 / BITS, signal as u32 % BITS);
        self.0[word as usize].fetch_or(1 << bit, SeqCst) == 0
    }

    fn take(&self) -> Pending<u32> {
        Pending(std::array::from_fn(|word| self.0[word].swap(0, SeqCst)))
    }
}

impl Pending<u32> {
    fn pop(&mut self) -> Option<Signal> {
        let (word, bits) = self
            .0
            .iter_mut()
            .enumerate()
            .find(|(_, bits)| **bits != 0)?;
        let bit = bits.trailing_zeros();
        *bits &= *bits - 1;
        Some(Signal::from((word as u32 * BITS + bit) as c_int))
    }
}

/// Whether the system, and its library, know a signal of this number.
fn exists(number: c_int) -> bool {
    // SAFETY: it changes nothing, and nobody wants to know the present action.
    unsafe { libc::sigaction(number, ptr::null(), ptr::null_mut()) == 0 }
}

/// What to take back at the end.
struct Registered(Vec<(Signal, SigId)>);

impl Drop for Registered {
    fn drop(&mut self) {
        for (_, id) in self.0.drain(..) {
            unregister(id);
        }
    }
}

impl Signals {
    /// Catches these signals from now on. Of several that are the same, one counts.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for what is no signal or cannot be caught: `SIGKILL`, `SIGSTOP`, and `SIGSEGV`,
    /// `SIGILL` and `SIGFPE`, after which nothing could go on. Otherwise the system's.
    ///
    /// # Examples
    ///
    /// ```
    /// use executor::signal::{Signal, Signals};
    /// use std::io::ErrorKind;
    ///
    /// let error = Signals::new([Signal::Term, Signal::Other(libc::SIGKILL)]).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidInput);
    /// ```
    pub fn new(signals: impl IntoIterator<Item = Signal>) -> io::Result<Signals> {
        let numbers: BTreeSet<_> = signals.into_iter().map(Signal::number).collect();
        // All of them before any is caught, since what is caught stays so.
        for &number in &numbers {
            if !(1..=LAST).contains(&number) || FORBIDDEN.contains(&number) || !exists(number) {
                let text = format!("signal {number} cannot be caught");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
        }
        let (alarm, bell) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        let bell = Arc::new(bell);
        let mut signals = Signals {
            taken: Pending::default(),
            pending: Arc::default(),
            alarm: Async::new(alarm)?,
            _bell: bell.clone(),
            registered: Registered(Vec::new()),
        };
        for number in numbers {
            let (pending, bell) = (signals.pending.clone(), bell.clone());
            let action = move || {
                if pending.set(number) {
                    // If the bell's queue is full, there is something to read, which is all it takes.
                    let _ = (&*bell).write(&[0]);
                }
            };
            // SAFETY: the action works on atomics and writes to a descriptor that does not block.
            let id = unsafe { register(number, action) }?;
            signals.registered.0.push((number.into(), id));
        }
        Ok(signals)
    }

    /// Waits for the next signal: what the [`Stream`](futures_core::Stream) does.
    fn poll_signal(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Signal>> {
        loop {
            if let Some(signal) = self.taken.pop() {
                return Poll::Ready(Ok(signal));
            }
            self.taken = self.pending.take();
            if self.taken.0 == [0; 4] {
                // Whoever sets a bit after this look finds none, and writes.
                ready!(Pin::new(&mut &self.alarm).poll_read(cx, &mut [0; 64]))?;
            }
        }
    }
}

impl Stream for Signals {
    type Item = io::Result<Signal>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_signal(cx).map(Some)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signals = self.registered.0.iter().map(|(signal, _)| signal);
        f.write_str("Signals ")?;
        f.debug_list().entries(signals).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_is_kept_once_until_it_is_taken() {
        let pending = Pending::default();
        assert!(pending.set(libc::SIGUSR1));
        assert!(!pending.set(libc::SIGUSR1) && !pending.set(libc::SIGTERM));
        assert!(pending.set(LAST) && pending.set(64));
        let mut taken = pending.take();
        let mut all: Vec<_> = std::iter::from_fn(|| taken.pop()).collect();
        all.sort();
        assert_eq!(
            all,
            [
                Signal::Term,
                Signal::Usr1,
                Signal::Other(64),
                Signal::Other(LAST)
            ]
        );
        assert!(pending.set(libc::SIGUSR1));
    }

    #[test]
    fn names_and_numbers_belong_together() {
        for (signal, number) in NAMED {
            assert_eq!((signal.number(), Signal::from(number)), (number, signal));
        }
        assert_eq!(Signal::Other(libc::SIGINT).number(), libc::SIGINT);
    }
}
