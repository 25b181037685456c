//! Connections as they come, in good days and in bad ones.

use super::tcp::TcpListener;
use crate::time::sleep;
use futures_core::Stream;
use std::{
    fmt,
    future::Future,
    io,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// How long to wait when the process or the system has run out of descriptors or memory: long enough
/// to burn nothing, short enough for nobody to notice. (Go's `net/http` begins with 5 ms.)
const PAUSE: Duration = Duration::from_millis(10);

/// What connections come from.
pub trait Listener: Sync {
    /// The connection.
    type Stream: Send + Sync;

    /// Accepts one.
    fn accept_stream(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send + Sync;
}

/// The connections that a listener accepts: a [`Stream`] that never ends.
///
/// Made by [`TcpListener::incoming`](super::TcpListener::incoming) and
/// [`UnixListener::incoming`](super::unix::UnixListener::incoming), which say what it outlives.
///
/// [`Stream`]: https://docs.rs/futures-core/0.3/futures_core/stream/trait.Stream.html
///
/// # Examples
///
/// ```
/// use executor::net::{Incoming, TcpListener, TcpStream};
/// use futures::StreamExt;
///
/// # executor::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let mut incoming: Incoming<'_, TcpListener> = listener.incoming();
/// let connected = TcpStream::connect(listener.local_addr()?).await?;
/// let accepted = incoming.next().await.expect("it never ends")?;
/// assert_eq!(accepted.peer_addr()?, connected.local_addr()?);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a, L: Listener = TcpListener> {
    listener: &'a L,
    next: Option<Next<'a, L::Stream>>,
    /// Whether the last item was an error. The next one may be the same.
    has_failed: bool,
}

type Next<'a, S> = Pin<Box<dyn Future<Output = io::Result<S>> + Send + Sync + 'a>>;

/// After a panic, of a waker for example, the next connection is waited for anew.
impl<L: Listener + RefUnwindSafe> UnwindSafe for Incoming<'_, L> {}
// As for `UnwindSafe`.
impl<L: Listener + RefUnwindSafe> RefUnwindSafe for Incoming<'_, L> {}

impl<'a, L: Listener> Incoming<'a, L> {
    pub(super) fn new(listener: &'a L) -> Incoming<'a, L> {
        Incoming {
            listener,
            next: None,
            has_failed: false,
        }
    }
}

/// Accepts the next connection that is one.
async fn next<L: Listener>(listener: &L, has_failed: bool) -> io::Result<L::Stream> {
    if has_failed {
        // So that whoever takes no notice of errors burns nothing.
        sleep(PAUSE).await;
    }
    loop {
        match listener.accept_stream().await {
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) if is_shortage(&error) => sleep(PAUSE).await,
            result => return result,
        }
    }
}

/// Whether the connection has failed, and not the listener. (`accept(2)`, "Error handling";
/// `EOPNOTSUPP` is not among these, for it may be of the listener.)
fn is_of_the_connection(error: &io::Error) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if error.raw_os_error() == Some(libc::ENONET) {
        return true;
    }
    matches!(
        error.raw_os_error(),
        Some(
            libc::ECONNABORTED
                | libc::ECONNRESET
                | libc::EHOSTDOWN
                | libc::EHOSTUNREACH
                | libc::ENETDOWN
                | libc::ENETUNREACH
                | libc::ENOPROTOOPT
                | libc::EPROTO
        )
    )
}

/// Whether there was no descriptor, or no memory, for the connection.
fn is_shortage(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    )
}

impl<L: Listener> Stream for Incoming<'_, L> {
    type Item = io::Result<L::Stream>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let (listener, has_failed) = (this.listener, this.has_failed);
        let begin = || -> Next<'_, L::Stream> { Box::pin(next(listener, has_failed)) };
        // Taken out: what has panicked must not be polled again.
        let mut accepting = this.next.take().unwrap_or_else(begin);
        let Poll::Ready(accepted) = accepting.as_mut().poll(cx) else {
            this.next = Some(accepting);
            return Poll::Pending;
        };
        this.has_failed = accepted.is_err();
        Poll::Ready(Some(accepted))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

impl<L: Listener + fmt::Debug> fmt::Debug for Incoming<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Incoming").field(self.listener).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::{
            Mutex,
            atomic::{AtomicBool, Ordering::SeqCst},
        },
        task::Waker,
    };

    /// A listener whose `accept` says what it was told to say, and ends then.
    struct Told(Mutex<Vec<Result<u32, i32>>>);

    impl Listener for Told {
        type Stream = u32;

        async fn accept_stream(&self) -> io::Result<u32> {
            let next = self.0.lock().unwrap().pop().expect("asked too often");
            next.map_err(io::Error::from_raw_os_error)
        }
    }

    /// What comes of what `accept` says, and how long it takes.
    fn incoming(mut says: Vec<Result<u32, i32>>) -> (Vec<Result<u32, i32>>, Duration) {
        says.reverse();
        let told = Told(Mutex::new(says));
        let begin = std::time::Instant::now();
        let mut items = Vec::new();
        let mut incoming = Incoming::new(&told);
        crate::block_on(async {
            while !told.0.lock().unwrap().is_empty() {
                let next = std::future::poll_fn(|cx| Pin::new(&mut incoming).poll_next(cx)).await;
                let item = next.expect("it never ends");
                items.push(item.map_err(|error| error.raw_os_error().unwrap()));
            }
        });
        (items, begin.elapsed())
    }

    /// A listener that panics at first.
    struct Panics(AtomicBool);

    impl Listener for Panics {
        type Stream = u32;

        async fn accept_stream(&self) -> io::Result<u32> {
            if !self.0.swap(true, SeqCst) {
                std::panic::resume_unwind(Box::new("at first"));
            }
            Ok(7)
        }
    }

    #[test]
    fn a_panic_ends_nothing() {
        let listener = Panics(AtomicBool::new(false));
        let mut incoming = Incoming::new(&listener);
        let cx = &mut Context::from_waker(Waker::noop());
        let mut poll = || Pin::new(&mut incoming).poll_next(cx);
        catch_unwind(AssertUnwindSafe(&mut poll)).unwrap_err();
        assert!(matches!(poll(), Poll::Ready(Some(Ok(7)))));
    }

    #[test]
    fn failed_connections_are_left_out_at_once() {
        let says = [
            libc::ECONNABORTED,
            libc::ENETDOWN,
            libc::EPROTO,
            libc::ECONNRESET,
        ];
        let mut says: Vec<_> = says.into_iter().cycle().take(1_000).map(Err).collect();
        says.push(Ok(7));
        let (items, took) = incoming(says);
        assert_eq!(items, [Ok(7)]);
        assert!(took < 50 * PAUSE, "{took:?}");
    }

    #[test]
    fn shortages_are_waited_out() {
        let says = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
        let says = says.into_iter().map(Err).chain([Ok(7)]);
        let (items, took) = incoming(says.collect());
        assert_eq!(items, [Ok(7)]);
        assert!(took >= 4 * PAUSE, "{took:?}");
    }

    #[test]
    fn errors_of_the_listener_are_told_and_told_slowly() {
        let (items, took) = incoming(vec![Err(libc::EBADF), Err(libc::EBADF), Ok(7), Ok(8)]);
        assert_eq!(items, [Err(libc::EBADF), Err(libc::EBADF), Ok(7), Ok(8)]);
        assert!(took >= 2 * PAUSE, "{took:?}");
    }
}
