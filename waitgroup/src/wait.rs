//! The future of one wait.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use event_listener::EventListener;

use crate::counter::Fate;
use crate::proxy::Proxy;

/// The future that [`WaitGroup::wait`](crate::WaitGroup::wait) returns. It is ready once the count
/// has been zero, and stays ready.
///
/// If every handle of the group is dropped while work is still counted, nobody is left who could
/// count it off, and the future stays pending for ever. If it is polled then, it has that said on
/// standard error, once for each group. (It is woken for that.) A thread that lives for no longer
/// writes it, so that the poll waits for nobody; if the process ends at that moment it may be lost.
///
/// # Examples
///
/// ```
/// use waitgroup::{Wait, WaitGroup};
///
/// let wait: Wait = WaitGroup::new().wait();
/// futures::executor::block_on(wait);
/// ```
#[must_use = "futures do nothing unless awaited"]
pub struct Wait(State);

enum State {
    Waiting(Waiting),
    /// The count has been zero.
    Over,
    /// It never will be.
    Orphaned,
}

/// A wait that is under way.
struct Waiting {
    /// Listens to the event of the generation that is waited for.
    listener: EventListener<Fate>,
    /// What the listener wakes, once this has been polled.
    proxy: Option<Arc<Proxy>>,
}

impl Wait {
    pub(crate) fn new(listener: Option<EventListener<Fate>>) -> Wait {
        let waiting = |listener| {
            State::Waiting(Waiting {
                listener,
                proxy: None,
            })
        };
        Wait(listener.map_or(State::Over, waiting))
    }
}

impl Waiting {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Fate> {
        let was_polled = self.proxy.is_some();
        let proxy = self
            .proxy
            .get_or_insert_with(|| Proxy::new(cx.waker().clone()));
        let waker = Waker::from(Arc::clone(proxy));
        let of_proxy = &mut Context::from_waker(&waker);
        let fate = Pin::new(&mut self.listener).poll(of_proxy);
        // If the proxy was woken meanwhile, with the waker of an earlier poll, the wait is over.
        if fate.is_ready() || !was_polled || proxy.renew(cx.waker()) {
            return fate;
        }
        Pin::new(&mut self.listener).poll(of_proxy)
    }
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let State::Waiting(waiting) = &mut self.0 {
            match ready!(waiting.poll(cx)) {
                None => self.0 = State::Over,
                Some(orphaned) => {
                    self.0 = State::Orphaned;
                    orphaned.tell();
                }
            }
        }
        match self.0 {
            State::Over => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not "ready": only the listener knows whether it has been notified.
        let mut wait = f.debug_struct("Wait");
        wait.field("finished", &matches!(self.0, State::Over));
        if matches!(self.0, State::Orphaned) {
            wait.field("orphaned", &true);
        }
        wait.finish()
    }
}
