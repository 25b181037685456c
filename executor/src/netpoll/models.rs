//! loom models of the poller: readiness against its waiters, a slot against its end, and the machine
//! that sleeps in the selector against those who wake it.

use super::{
    Netpoll,
    readiness::{Place, Readiness, Waiter},
    selector::{Control, Event, Fd, Happened, Interest, Key, Refused, Selector},
    slot::{Direction, NotArmed, Slot},
};
use crate::{
    idle::parker::Parker,
    sync::{clock::NEVER, explore::explore},
};
use loom::{
    sync::{
        Condvar, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};
use std::{
    io, mem,
    sync::Arc,
    task::{Context, Wake, Waker},
    time::Duration,
};

/// Unparks the thread that waits.
struct Signal(Parker);

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A thread that polls.
struct Poller {
    signal: Arc<Signal>,
    waker: Waker,
}

impl Poller {
    fn new() -> Poller {
        let signal = Arc::new(Signal(Parker::new()));
        let waker = Waker::from(signal.clone());
        Poller { signal, waker }
    }

    /// Waits until `op` does not say that it would block.
    fn wait_until(&self, readiness: &Readiness, mut op: impl FnMut() -> bool) {
        let cx = Context::from_waker(&self.waker);
        loop {
            let seen = readiness.poll(&cx, Waiter::One);
            if !seen.is_ready() {
                self.signal.0.park();
            } else if op() {
                return;
            } else {
                readiness.would_block(seen);
            }
        }
    }

    /// The same, of a future.
    fn wait_in_place(&self, readiness: &Readiness, place: &mut Option<Place>) {
        let cx = Context::from_waker(&self.waker);
        while !readiness.poll(&cx, Waiter::Many(place)).is_ready() {
            self.signal.0.park();
        }
    }
}

/// An event, as the poller tells of it.
fn happens(readiness: &Readiness) {
    let mut due = Vec::new();
    readiness.set(false, &mut due);
    due.into_iter().for_each(Waker::wake);
}

#[test]
fn readiness_wait_against_an_event() {
    explore("readiness, a wait against an event", None, || {
        let readiness = Arc::new(Readiness::new(false));
        let arrived = Arc::new(AtomicBool::new(false));
        let event = {
            let (readiness, arrived) = (readiness.clone(), arrived.clone());
            thread::spawn(move || {
                arrived.store(true, Relaxed);
                happens(&readiness);
            })
        };
        Poller::new().wait_until(&readiness, || {
            assert!(arrived.load(Relaxed), "what came before the event is seen");
            true
        });
        event.join().unwrap();
    });
}

/// An operation that would block, and the data that comes at that very moment.
#[test]
fn readiness_clear_against_an_event() {
    explore("readiness, an operation against an event", None, || {
        let readiness = Arc::new(Readiness::new(true));
        let data = Arc::new(AtomicBool::new(false));
        let event = {
            let (readiness, data) = (readiness.clone(), data.clone());
            thread::spawn(move || {
                data.store(true, Relaxed);
                happens(&readiness);
            })
        };
        Poller::new().wait_until(&readiness, || data.load(Relaxed));
        event.join().unwrap();
    });
}

#[test]
fn readiness_two_waiters_and_one_who_leaves() {
    explore("readiness, two waiters, one leaves", Some(3), || {
        let readiness = Arc::new(Readiness::new(false));
        let event = {
            let readiness = readiness.clone();
            thread::spawn(move || happens(&readiness))
        };
        let other = {
            let readiness = readiness.clone();
            thread::spawn(move || {
                let mut place = None;
                let poller = Poller::new();
                let cx = Context::from_waker(&poller.waker);
                let _ = readiness.poll(&cx, Waiter::Many(&mut place));
                place.into_iter().for_each(|place| readiness.leave(place));
            })
        };
        let mut place = None;
        Poller::new().wait_in_place(&readiness, &mut place);
        place.into_iter().for_each(|place| readiness.leave(place));
        event.join().unwrap();
        other.join().unwrap();
    });
}

/// A kernel with one device, which one descriptor stands for.
#[derive(Default)]
pub(crate) struct Kernel {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    ready: bool,
    added: Option<Key>,
    news: Option<Key>,
    is_interrupted: bool,
    /// Somebody has closed the selector. Who waits in it stays there.
    is_lost: bool,
}

impl Kernel {
    /// The device becomes ready.
    pub(crate) fn happen(&self) {
        let mut state = self.state.lock().unwrap();
        state.ready = true;
        state.news = state.added;
        self.news.notify_one();
    }

    /// Somebody closes the selector.
    fn lose(&self) {
        self.state.lock().unwrap().is_lost = true;
    }

    /// Takes what has happened.
    pub(crate) fn read(&self) -> bool {
        mem::take(&mut self.state.lock().unwrap().ready)
    }
}

loom::lazy_static! {
    pub(crate) static ref KERNEL: Kernel = Kernel::default();
}

pub(crate) struct Model;

impl Selector for Model {
    type Control = Model;

    fn open() -> io::Result<(Model, Model)> {
        Ok((Model, Model))
    }

    fn wait(&mut self, timeout: Option<Duration>, tell: impl FnMut(Event)) -> io::Result<()> {
        let mut state = KERNEL.state.lock().unwrap();
        if state.is_lost {
            return Err(io::ErrorKind::NotFound.into());
        }
        if timeout.is_none() {
            while state.news.is_none() && !mem::take(&mut state.is_interrupted) {
                state = KERNEL.news.wait(state).unwrap();
            }
        }
        let news = state.news.take();
        drop(state);
        let event = |key| Event {
            key,
            read: Happened::Ready,
            write: Happened::Nothing,
        };
        news.map(event).into_iter().for_each(tell);
        Ok(())
    }
}

impl Control for Model {
    fn add(&self, _: Fd, key: Key, _: Interest) -> Result<(), Refused> {
        let mut state = KERNEL.state.lock().unwrap();
        if state.is_lost {
            return Err(Refused::Selector(io::ErrorKind::NotFound.into()));
        }
        state.added = Some(key);
        if state.ready {
            state.news = Some(key);
            KERNEL.news.notify_one();
        }
        Ok(())
    }

    fn widen(&self, _: Fd, _: Key) -> Result<(), Refused> {
        unreachable!("nobody writes")
    }

    fn remove(&self, _: Fd) -> io::Result<()> {
        KERNEL.state.lock().unwrap().added = None;
        Ok(())
    }

    fn interrupt(&self) -> io::Result<()> {
        KERNEL.state.lock().unwrap().is_interrupted = true;
        KERNEL.news.notify_one();
        Ok(())
    }
}

fn poller() -> Arc<Netpoll<Model>> {
    Arc::new(Netpoll::default())
}

fn slot() -> Arc<Slot<Model>> {
    Arc::new(Slot::new(false))
}

/// Waits for the device with the first poller that has not ended, as `scheduler::descriptor` does.
/// Calls `armed` with the number of that.
fn wait_with(slot: &Arc<Slot<Model>>, pollers: &[Arc<Netpoll<Model>>], armed: impl Fn(usize)) {
    let thread = Poller::new();
    let cx = Context::from_waker(&thread.waker);
    let readiness = slot.readiness(Direction::Read);
    loop {
        let seen = readiness.poll(&cx, Waiter::One);
        if seen.is_ready() {
            if KERNEL.read() {
                return;
            }
            readiness.would_block(seen);
        } else if seen.is_armed() {
            thread.signal.0.park();
        } else {
            let arm = |poller: &Arc<_>| match slot.arm(poller, 0, Direction::Read) {
                Ok(_) => true,
                Err(NotArmed::Ended) => false,
                Err(NotArmed::Refused(error)) => panic!("{error}"),
            };
            armed(pollers.iter().position(arm).expect("the last does not end"));
        }
    }
}

fn wait(slot: &Arc<Slot<Model>>, poller: &Arc<Netpoll<Model>>) {
    wait_with(slot, std::slice::from_ref(poller), |_| ());
}

/// The role: a machine that sleeps in the selector sees what comes while it goes there.
#[test]
fn netpoll_a_sleeper_against_an_event() {
    explore("netpoll, a sleeper against an event", Some(3), || {
        let (netpoll, slot) = (poller(), slot());
        assert!(slot.arm(&netpoll, 0, Direction::Read).unwrap());
        let parker = Arc::new(Parker::new());
        let sleeper = {
            let (netpoll, parker) = (netpoll.clone(), parker.clone());
            thread::spawn(move || {
                while netpoll.sleep(&parker, NEVER, || ()) == Some(false) {
                    netpoll.fire(1);
                }
            })
        };
        let kernel = thread::spawn(|| KERNEL.happen());
        wait(&slot, &netpoll);
        parker.unpark_or(|| netpoll.interrupt());
        sleeper.join().unwrap();
        kernel.join().unwrap();
        slot.disarm(0);
    });
}

/// The sleeper is unparked for other work, at any moment.
#[test]
fn netpoll_a_sleeper_against_unpark() {
    explore("netpoll, a sleeper against unpark", Some(3), || {
        let (netpoll, slot) = (poller(), slot());
        slot.arm(&netpoll, 0, Direction::Read).unwrap();
        let parker = Arc::new(Parker::new());
        let work = Arc::new(AtomicBool::new(false));
        let waker = {
            let (netpoll, parker, work) = (netpoll.clone(), parker.clone(), work.clone());
            thread::spawn(move || {
                work.store(true, Relaxed);
                parker.unpark_or(|| netpoll.interrupt());
            })
        };
        assert_eq!(netpoll.sleep(&parker, NEVER, || ()), Some(true));
        assert!(work.load(Relaxed), "what came before the wake-up is seen");
        assert!(!parker.take_token(), "one token was left, and one taken");
        waker.join().unwrap();
        slot.disarm(0);
    });
}

/// Somebody closes the selector while a machine goes to sleep in it. Whoever begins to wait then is
/// not left to that machine, which does not stay there.
#[test]
fn netpoll_a_sleeper_against_the_loss_of_the_selector() {
    explore("netpoll, a sleeper against a loss", Some(3), || {
        let (netpoll, before, after) = (poller(), slot(), slot());
        before.arm(&netpoll, 0, Direction::Read).unwrap();
        let parker = Arc::new(Parker::new());
        let sleeper = {
            let (netpoll, parker) = (netpoll.clone(), parker.clone());
            thread::spawn(move || netpoll.sleep(&parker, NEVER, || ()))
        };
        KERNEL.lose();
        let waits = Poller::new();
        let cx = Context::from_waker(&waits.waker);
        let readiness = after.readiness(Direction::Read);
        assert!(!readiness.poll(&cx, Waiter::One).is_ready());
        assert!(after.arm(&netpoll, 1, Direction::Read).unwrap());
        // The monitor looks, or whoever is woken, also if the machine is still there.
        assert!(netpoll.is_unwatched() && netpoll.look(NEVER), "at last");
        netpoll.fire(1);
        assert!(waits.signal.0.take_token() && readiness.seen().is_ready());
        assert_ne!(
            sleeper.join().unwrap(),
            Some(true),
            "nobody has unparked it"
        );
        assert!(netpoll.take_failure().is_some() && netpoll.take_failure().is_none());
        before.disarm(0);
        after.disarm(1);
    });
}

/// Two machines run dry: one finds the other in the selector. Whoever gets the event fires it.
#[test]
fn netpoll_a_look_beside_a_sleeper() {
    explore("netpoll, a look beside a sleeper", Some(2), || {
        let (netpoll, slot) = (poller(), slot());
        slot.arm(&netpoll, 0, Direction::Read).unwrap();
        let parker = Arc::new(Parker::new());
        let other = {
            let (netpoll, parker) = (netpoll.clone(), parker.clone());
            thread::spawn(move || {
                KERNEL.happen();
                // Dry; then it goes to sleep, where the other one may have left.
                if netpoll.look(1) {
                    netpoll.fire(1);
                }
                parker.unpark_or(|| netpoll.interrupt());
            })
        };
        if netpoll.sleep(&parker, NEVER, || ()).is_none() {
            // The other one looks, and is active.
            parker.park();
        }
        netpoll.look(2);
        netpoll.fire(1);
        wait(&slot, &netpoll);
        other.join().unwrap();
    });
}

/// A descriptor goes while an event for it is on its way: nothing of it comes to whom has its place.
#[test]
fn netpoll_delivery_against_the_end_of_a_descriptor() {
    explore("netpoll, delivery against a drop", Some(3), || {
        let netpoll = poller();
        let first = slot();
        first.arm(&netpoll, 0, Direction::Read).unwrap();
        KERNEL.happen();
        let look = {
            let netpoll = netpoll.clone();
            thread::spawn(move || netpoll.look(1))
        };
        first.disarm(0);
        assert!(KERNEL.read());
        let second = slot();
        second.arm(&netpoll, 0, Direction::Read).unwrap();
        look.join().unwrap();
        assert!(!second.readiness(Direction::Read).seen().is_ready());
        second.disarm(0);
    });
}

/// The executor ends while a task waits: it waits with another, and hears of the event there.
#[test]
fn netpoll_the_end_against_a_wait() {
    explore("netpoll, the end against a wait", Some(2), || {
        let (ending, next) = (poller(), poller());
        let slot = slot();
        let end = {
            let ending = ending.clone();
            thread::spawn(move || ending.evict())
        };
        let is_armed = Arc::new(Parker::new());
        let waiter = {
            let (next, is_armed) = (next.clone(), is_armed.clone());
            thread::spawn(move || {
                wait_with(&slot, &[ending, next], |number| {
                    if number == 1 {
                        is_armed.unpark();
                    }
                });
            })
        };
        // Nobody looks at the first one.
        KERNEL.happen();
        is_armed.park();
        next.look(1);
        next.fire(1);
        end.join().unwrap();
        waiter.join().unwrap();
    });
}
