//! The future of one wait.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use event_listener::EventListener;

use crate::proxy::Proxy;

/// The future that [`WaitGroup::wait`](crate::WaitGroup::wait) returns. It is ready once the count
/// has been zero, and stays ready.
///
/// If every handle of the group is dropped while work is still counted, nobody is left who could
/// count it off, and the future stays pending for ever.
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
pub struct Wait {
    /// Listens to the event of the generation that is waited for; `None` once the wait is over.
    listener: Option<EventListener>,
    /// What the listener wakes, once this has been polled.
    proxy: Option<Arc<Proxy>>,
}

impl Wait {
    pub(crate) fn new(listener: Option<EventListener>) -> Wait {
        Wait {
            listener,
            proxy: None,
        }
    }
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let Some(listener) = &mut this.listener else {
            return Poll::Ready(());
        };
        let was_polled = this.proxy.is_some();
        let proxy = this
            .proxy
            .get_or_insert_with(|| Proxy::new(cx.waker().clone()));
        let waker = Waker::from(Arc::clone(proxy));
        let of_proxy = &mut Context::from_waker(&waker);
        let is_over = Pin::new(&mut *listener).poll(of_proxy).is_ready();
        if !is_over {
            // If the proxy was woken meanwhile, with the waker of an earlier poll, the wait is over.
            if !was_polled || proxy.renew(cx.waker()) {
                return Poll::Pending;
            }
            ready!(Pin::new(listener).poll(of_proxy));
        }
        this.listener = None;
        this.proxy = None;
        Poll::Ready(())
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not "ready": only the listener knows whether it has been notified.
        f.debug_struct("Wait")
            .field("finished", &self.listener.is_none())
            .finish()
    }
}
