//! Peers without end, and those beside them.

use super::sockets::{executors, soon, tcp_pair, tcp_with_std};
use crate::common::{
    Bell, PATIENCE, activity, executor, in_own_process, patient_executor, steady_executor, watchdog,
};
use executor::{
    Executor, Handle, JoinHandle,
    net::{TcpListener, TcpStream, UdpSocket, unix::UnixStream},
    time::{interval, sleep, timeout},
};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt, future::join};
use std::{
    future::Future,
    hint,
    io::{Read, Write},
    net,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::Context,
    thread,
    time::{Duration, Instant},
};

const TICK: Duration = Duration::from_millis(5);

/// How late the ticks of a task are, in the median.
async fn lateness(ticks: usize) -> Duration {
    let mut late = Vec::new();
    let mut interval = interval(TICK);
    for _ in 0..ticks {
        let due = interval.tick().await;
        late.push(due.elapsed());
    }
    late.sort();
    late[ticks / 2]
}

/// A thread that sends without end, until the connection is gone.
fn endless_peer(mut stream: net::TcpStream) -> thread::JoinHandle<()> {
    thread::spawn(move || while stream.write_all(&[7; 100_000]).is_ok() {})
}

#[test]
fn a_ticker_beside_an_endless_peer_is_in_time() {
    let _watchdog = watchdog(60);
    for own in [executor(1), steady_executor(1)] {
        let (mut stream, peer) = own.block_on(tcp_with_std());
        let peer = endless_peer(peer);
        let reader = own.spawn(async move {
            let mut buf = vec![0; 10_000];
            while stream.read(&mut buf).await.unwrap() > 0 {}
        });
        let late = own.block_on(own.spawn(lateness(20))).unwrap();
        assert!(late < Duration::from_millis(60), "{late:?}");
        assert!(!reader.is_finished());
        own.block_on(reader.cancel());
        peer.join().unwrap();
    }
}

#[test]
fn a_reader_of_an_endless_peer_can_be_timed_out_within_its_own_task() {
    let _watchdog = watchdog(60);
    for own in [executor(1), steady_executor(1)] {
        let (mut stream, peer) = own.block_on(tcp_with_std());
        let peer = endless_peer(peer);
        let task = own.spawn(async move {
            let mut buf = vec![0; 10_000];
            timeout(TICK, async {
                while stream.read(&mut buf).await.unwrap() > 0 {}
            })
            .await
        });
        own.block_on(soon(task)).unwrap().unwrap_err();
        peer.join().unwrap();
    }
}

#[test]
fn a_listener_whose_backlog_is_never_empty_starves_nobody() {
    let _watchdog = watchdog(60);
    for own in [executor(1), steady_executor(1)] {
        let listener = own.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let accepted = Arc::new(AtomicUsize::new(0));
        let clients: Vec<_> = (0..2)
            .map(|_| {
                let over = over.clone();
                thread::spawn(move || {
                    while !over.load(SeqCst) {
                        // The system may run out of ports.
                        if let Ok(stream) = net::TcpStream::connect(address) {
                            super::sockets::reset_on_close(&stream);
                        }
                    }
                })
            })
            .collect();
        let accepts = own.spawn({
            let accepted = accepted.clone();
            async move {
                let mut incoming = listener.incoming();
                while let Some(stream) = incoming.next().await {
                    drop(stream);
                    accepted.fetch_add(1, SeqCst);
                }
            }
        });
        let others: Vec<_> = (0..100)
            .map(|_| {
                own.spawn(async {
                    for _ in 0..20 {
                        executor::yield_now().await;
                    }
                    sleep(TICK).await;
                })
            })
            .collect();
        own.block_on(async {
            for task in others {
                soon(task).await.unwrap();
            }
        });
        let begin = accepted.load(SeqCst);
        crate::common::eventually("it goes on accepting", || {
            accepted.load(SeqCst) > begin + 100
        });
        over.store(true, SeqCst);
        clients
            .into_iter()
            .for_each(|client| client.join().unwrap());
        own.block_on(accepts.cancel());
    }
}

#[test]
fn a_storm_of_readable_sockets_leaves_none_out() {
    let _watchdog = watchdog(60);
    for own in executors() {
        let mut counts = Vec::new();
        let over = Arc::new(AtomicBool::new(false));
        let tasks: Vec<_> = (0..32)
            .map(|_| {
                let (mut one, mut other) = UnixStream::pair().unwrap();
                let count = Arc::new(AtomicUsize::new(0));
                counts.push(count.clone());
                let over = over.clone();
                let writer = own.spawn(async move {
                    while !over.load(SeqCst) {
                        if other.write_all(&[7; 1_000]).await.is_err() {
                            break;
                        }
                    }
                });
                own.spawn(async move {
                    while one.read(&mut [0; 500]).await.unwrap() > 0 {
                        count.fetch_add(1, SeqCst);
                    }
                    writer.await.unwrap();
                })
            })
            .collect();
        crate::common::eventually("each has read much", || {
            counts.iter().all(|count| count.load(SeqCst) > 300)
        });
        over.store(true, SeqCst);
        own.block_on(async {
            for task in tasks {
                soon(task).await.unwrap();
            }
        });
    }
}

/// Sends to itself again and again, each time when it waits for that already; counts how often.
async fn sends_to_itself(count: Arc<AtomicUsize>, over: Arc<AtomicBool>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(socket.local_addr().unwrap()).await.unwrap();
    while !over.load(SeqCst) {
        let mut buf = [0];
        let (received, sent) = join(socket.recv(&mut buf), socket.send(&[7])).await;
        assert_eq!((received.unwrap(), sent.unwrap()), (1, 1));
        count.fetch_add(1, SeqCst);
    }
}

/// More sockets than the local queue has room for, each always ready, until they are told to end.
struct ReadySockets {
    over: Arc<AtomicBool>,
    /// How often each had its turn.
    counts: Vec<Arc<AtomicUsize>>,
    tasks: Vec<JoinHandle<()>>,
}

impl ReadySockets {
    const NUMBER: usize = 400;

    /// Returns when each has had a turn.
    fn on(own: &Executor) -> ReadySockets {
        let over = Arc::new(AtomicBool::new(false));
        let counts: Vec<_> = (0..Self::NUMBER)
            .map(|_| Arc::new(AtomicUsize::new(0)))
            .collect();
        let tasks = counts
            .iter()
            .map(|count| own.spawn(sends_to_itself(Arc::clone(count), over.clone())))
            .collect();
        let all = ReadySockets {
            over,
            counts,
            tasks,
        };
        crate::common::eventually("each has begun", || all.turns().all(|count| count > 0));
        all
    }

    fn turns(&self) -> impl Iterator<Item = usize> {
        self.counts.iter().map(|count| count.load(SeqCst))
    }

    fn end(self, own: &Executor) {
        self.over.store(true, SeqCst);
        own.block_on(async {
            for task in self.tasks {
                soon(task).await.unwrap();
            }
        });
    }
}

#[test]
fn of_more_ready_sockets_than_the_local_queue_has_room_for_each_has_its_turn() {
    let _watchdog = watchdog(60);
    // Without stand-ins: what a worker leaves behind goes to the global queue.
    for own in [patient_executor(1), steady_executor(1)] {
        let sockets = ReadySockets::on(&own);
        let before: Vec<_> = sockets.turns().collect();
        let enough = before.iter().sum::<usize>() + 100 * ReadySockets::NUMBER;
        crate::common::eventually("all have had many", || {
            sockets.turns().sum::<usize>() > enough
        });
        let turns = sockets.turns().zip(before);
        let mut counts: Vec<_> = turns.map(|(now, then)| now - then).collect();
        counts.sort();
        sockets.end(&own);
        let (least, median) = (counts[0], counts[ReadySockets::NUMBER / 2]);
        assert!(least > median / 4, "{least} of {median}: {counts:?}");
    }
}

#[test]
fn tasks_from_outside_have_their_turn_beside_sockets_that_are_always_ready() {
    let _watchdog = watchdog(60);
    const TASKS: usize = 64;
    for own in [patient_executor(1), steady_executor(1)] {
        let sockets = ReadySockets::on(&own);
        let polls = || Handle::current().metrics().processors()[0].polls();
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| own.spawn(async move { polls() }))
            .collect();
        // This thread may be slow, and so only what the worker does from here on counts.
        let before = own.metrics().processors()[0].polls();
        let last = own.block_on(async {
            let mut last = 0;
            for task in tasks {
                last = soon(task).await.unwrap().max(last);
            }
            last
        });
        sockets.end(&own);
        // One in 61 polls would be 4,000.
        let beside = last.saturating_sub(before);
        assert!(beside < 2_000, "{beside} polls for {TASKS} tasks");
    }
}

/// Workers that block, and an echo beside them.
fn echo_while_blocked(own: &Executor, blockers: usize) -> Duration {
    let (mut stream, mut peer) = own.block_on(tcp_with_std());
    let echo = own.spawn(async move {
        let mut byte = [0];
        while stream.read(&mut byte).await.unwrap() == 1 {
            stream.write_all(&byte).await.unwrap();
        }
    });
    peer.write_all(b"x").unwrap();
    peer.read_exact(&mut [0]).unwrap();
    let blocked = Arc::new(AtomicUsize::new(0));
    for _ in 0..blockers {
        let blocked = blocked.clone();
        own.spawn(async move {
            blocked.fetch_add(1, SeqCst);
            thread::sleep(Duration::from_secs(2));
        });
    }
    crate::common::eventually("they block", || blocked.load(SeqCst) == blockers);
    let begin = Instant::now();
    peer.write_all(b"x").unwrap();
    peer.read_exact(&mut [0]).unwrap();
    let took = begin.elapsed();
    drop(peer);
    own.block_on(soon(echo)).unwrap();
    took
}

/// (tokio#4730: the worker that was woken by an event runs on, and nobody listens any more.)
#[test]
fn a_task_that_blocks_right_after_its_event_holds_up_no_echo() {
    let _watchdog = watchdog(60);
    let kinds = [
        (executor(1), 1),
        (executor(2), 1),
        (executor(2), 2),
        (steady_executor(2), 1),
    ];
    for (own, blockers) in kinds {
        let (mut stream, mut peer) = own.block_on(tcp_with_std());
        let echo = own.spawn(async move {
            let mut byte = [0];
            while stream.read(&mut byte).await.unwrap() == 1 {
                stream.write_all(&byte).await.unwrap();
            }
        });
        let blocked = Arc::new(AtomicUsize::new(0));
        let (blocking, mut peers): (Vec<_>, Vec<_>) = (0..blockers)
            .map(|_| {
                let (mut one, other) = UnixStream::pair().unwrap();
                let blocked = blocked.clone();
                let task = own.spawn(async move {
                    one.read_exact(&mut [0]).await.unwrap();
                    blocked.fetch_add(1, SeqCst);
                    thread::sleep(Duration::from_secs(2));
                });
                (task, other.into_std().unwrap())
            })
            .unzip();
        thread::sleep(Duration::from_millis(20));
        peers
            .iter_mut()
            .for_each(|peer| peer.write_all(b"x").unwrap());
        crate::common::eventually("they block", || blocked.load(SeqCst) == blockers);
        let begin = Instant::now();
        for _ in 0..3 {
            peer.write_all(b"x").unwrap();
            peer.read_exact(&mut [0]).unwrap();
        }
        let took = begin.elapsed();
        assert!(took < Duration::from_secs(1), "{blockers}: {took:?}");
        drop(peer);
        own.block_on(async {
            soon(echo).await.unwrap();
            for task in blocking {
                soon(task).await.unwrap();
            }
        });
    }
}

/// How many results of a socket are ready in a row, at most `most`, and how often whoever polls is
/// woken.
fn ready_in_a_row(stream: &TcpStream, most: usize) -> (usize, usize) {
    let (bell, waker) = Bell::new();
    let cx = &mut Context::from_waker(&waker);
    let mut buf = [0; 1];
    let ready = (0..most)
        .take_while(|i| match i % 4 {
            0 => Pin::new(&mut &*stream).poll_read(cx, &mut buf).is_ready(),
            1 => Pin::new(&mut &*stream).poll_write(cx, b"x").is_ready(),
            2 => pin!(stream.writable()).poll(cx).is_ready(),
            _ => pin!(stream.peek(&mut buf)).poll(cx).is_ready(),
        })
        .count();
    (ready, bell.rings())
}

#[test]
fn the_first_128_ready_results_of_a_poll_are_given_at_once_and_the_next_wakes_the_task() {
    let _watchdog = watchdog(60);
    for own in executors() {
        let results = || async {
            let (stream, mut peer) = tcp_with_std().await;
            peer.write_all(&[7; 1_000]).unwrap();
            soon(stream.readable()).await.unwrap();
            executor::yield_now().await;
            ready_in_a_row(&stream, 1_000)
        };
        assert_eq!(own.block_on(results()), (128, 1));
        assert_eq!(own.block_on(own.spawn(results())).unwrap(), (128, 1));
        // Not outside of our polls.
        let (ready, rings) = futures::executor::block_on(async {
            let (stream, mut peer) = tcp_with_std().await;
            peer.write_all(&[7; 1_000]).unwrap();
            soon(stream.readable()).await.unwrap();
            ready_in_a_row(&stream, 1_000)
        });
        assert_eq!((ready, rings), (1_000, 0));
    }
}

#[test]
fn workers_that_block_hold_up_no_echo() {
    let _watchdog = watchdog(60);
    for (workers, blockers) in [(1, 1), (2, 1), (2, 2)] {
        let took = echo_while_blocked(&executor(workers), blockers);
        assert!(
            took < Duration::from_secs(1),
            "{workers} {blockers}: {took:?}"
        );
    }
}

#[test]
fn sends_without_an_answer_wake_nobody() {
    in_own_process(|| {
        let own = executor(2);
        let (socket, sink) = own.block_on(async {
            let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
            let sink = net::UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.connect(sink.local_addr().unwrap()).await.unwrap();
            (socket, sink)
        });
        let receiver = own.spawn({
            let socket = socket.clone();
            async move { socket.recv(&mut [0; 8]).await }
        });
        thread::sleep(Duration::from_millis(50));
        let sender = std::os::fd::AsFd::as_fd(&*socket)
            .try_clone_to_owned()
            .unwrap();
        let sender = net::UdpSocket::from(sender);
        let (_, before) = activity();
        for _ in 0..1_000 {
            sender.send(b"x").unwrap();
            sink.recv(&mut [0; 8]).unwrap();
        }
        let (_, after) = activity();
        assert!(after - before < 300, "{} times awake", after - before);
        assert!(!receiver.is_finished());
        sink.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        assert_eq!(own.block_on(soon(receiver)).unwrap().unwrap(), 1);
    });
}

#[test]
fn idle_sockets_use_no_cpu() {
    in_own_process(|| {
        let own = executor(2);
        let (waiting, peers): (Vec<_>, Vec<_>) = own.block_on(async {
            let mut all = Vec::new();
            for _ in 0..100 {
                let (mut one, other) = tcp_pair().await;
                all.push((own.spawn(async move { one.read(&mut [0]).await }), other));
            }
            all.into_iter().unzip()
        });
        thread::sleep(Duration::from_millis(100));
        let (cpu, switches) = activity();
        thread::sleep(Duration::from_millis(500));
        let (cpu_after, switches_after) = activity();
        assert!(cpu_after - cpu < 20_000_000, "{} ns", cpu_after - cpu);
        assert!(switches_after - switches < 50);
        let begin = Instant::now();
        let mut first: TcpStream = peers.into_iter().next().unwrap();
        own.block_on(first.write_all(b"x")).unwrap();
        let read = waiting.into_iter().next().unwrap();
        assert_eq!(own.block_on(read).unwrap().unwrap(), 1);
        assert!(begin.elapsed() < PATIENCE);
    });
}

#[test]
fn a_socket_is_served_beside_timers_that_are_always_due() {
    let _watchdog = watchdog(60);
    for own in [executor(1), steady_executor(1)] {
        let stop = Arc::new(AtomicBool::new(false));
        let yields = stop.clone();
        own.spawn(async move {
            while !yields.load(SeqCst) {
                executor::yield_now().await;
            }
        });
        for _ in 0..4 {
            let sleeps = stop.clone();
            own.spawn(async move {
                while !sleeps.load(SeqCst) {
                    sleep(Duration::from_micros(100)).await;
                }
            });
        }
        let (mut stream, mut peer) = own.block_on(tcp_with_std());
        let read = own.spawn(async move { stream.read(&mut [0; 8]).await });
        thread::sleep(Duration::from_millis(20));
        peer.write_all(b"x").unwrap();
        assert_eq!(own.block_on(soon(read)).unwrap().unwrap(), 1);
        stop.store(true, SeqCst);
    }
}

/// Has its next event ready whenever its worker has nothing else to do, until the flag is raised.
async fn writes_to_itself(stop: Arc<AtomicBool>) {
    let (mut one, mut other) = tcp_pair().await;
    let mut buf = [0; 16];
    while !stop.load(SeqCst) {
        one.write_all(b"x").await.unwrap();
        // Less than there is room for: what comes next is for an event to tell.
        assert_eq!(other.read(&mut buf).await.unwrap(), 1);
    }
}

#[test]
fn what_waits_behind_a_long_poll_is_run_beside_a_socket_that_is_always_ready() {
    let _watchdog = watchdog(60);
    for own in [patient_executor(2), steady_executor(2)] {
        let stop = Arc::new(AtomicBool::new(false));
        let socket = own.spawn(writes_to_itself(stop.clone()));
        let long = own.spawn(async {
            let left = Arc::new(AtomicUsize::new(10));
            for _ in 0..10 {
                let left = left.clone();
                executor::spawn(async move { left.fetch_sub(1, SeqCst) });
            }
            let begin = Instant::now();
            while left.load(SeqCst) > 0 && begin.elapsed() < PATIENCE {
                hint::spin_loop();
            }
            left.load(SeqCst)
        });
        assert_eq!(own.block_on(long).unwrap(), 0, "they are not run");
        stop.store(true, SeqCst);
        own.block_on(socket).unwrap();
    }
}

/// All threads that there may be are blocked, and the monitor has gone to sleep, when somebody begins
/// to wait for a socket.
#[test]
fn a_socket_is_served_where_every_thread_is_blocked() {
    let _watchdog = watchdog(60);
    let own = Executor::builder().workers(1).max_threads(1).build();
    let own = own.unwrap();
    let (mut stream, mut peer) = own.block_on(tcp_with_std());
    drop(own.block_on(tcp_with_std()));
    let (tell, told) = std::sync::mpsc::channel();
    let blocked =
        own.spawn(async move { executor::block_in_place(|| told.recv_timeout(PATIENCE).is_ok()) });
    thread::sleep(Duration::from_millis(200));
    let writer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        peer.write_all(b"x").unwrap();
        peer
    });
    own.block_on(async {
        assert_eq!(soon(stream.read(&mut [0; 8])).await.unwrap(), 1);
        tell.send(()).unwrap();
    });
    assert!(own.block_on(blocked).unwrap());
    drop(writer.join().unwrap());
}

/// A waker that blocks, of somebody else's future.
#[test]
fn a_waker_that_takes_its_time_holds_up_no_other_socket() {
    let _watchdog = watchdog(60);
    struct Blocks(std::sync::Mutex<std::sync::mpsc::Receiver<()>>);
    impl std::task::Wake for Blocks {
        fn wake(self: Arc<Self>) {
            let _ = self.0.lock().unwrap().recv_timeout(PATIENCE);
        }
    }
    let own = executor(1);
    let (mut first, mut first_peer) = own.block_on(tcp_with_std());
    let (mut second, mut second_peer) = own.block_on(tcp_with_std());
    let (tell, told) = std::sync::mpsc::channel();
    let waker = std::task::Waker::from(Arc::new(Blocks(std::sync::Mutex::new(told))));
    own.block_on(async {
        let cx = &mut Context::from_waker(&waker);
        assert!(Pin::new(&mut first).poll_read(cx, &mut [0; 8]).is_pending());
    });
    let read = own.spawn(async move {
        let read = second.read(&mut [0; 8]).await;
        tell.send(()).unwrap();
        read
    });
    thread::sleep(Duration::from_millis(20));
    // Both are there when the worker looks again.
    own.block_on(own.spawn(async move {
        first_peer.write_all(b"x").unwrap();
        second_peer.write_all(b"x").unwrap();
        (first_peer, second_peer)
    }))
    .unwrap();
    let begin = Instant::now();
    assert_eq!(own.block_on(soon(read)).unwrap().unwrap(), 1);
    assert!(begin.elapsed() < PATIENCE / 2, "it came without the other");
}
