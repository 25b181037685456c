//! hyper's and tokio's traits, where their features are on.

#[cfg(feature = "hyper")]
mod hyper_traits {
    use crate::{
        common::watchdog,
        sockets::{everywhere, soon, tcp_pair},
    };
    use executor::{
        Handle,
        net::{TcpStream, unix::UnixStream},
    };
    use hyper::rt::{Executor as _, Read, ReadBuf, Timer as _, Write};
    use std::{
        future::poll_fn,
        io::IoSlice,
        mem::MaybeUninit,
        pin::Pin,
        time::{Duration, Instant},
    };

    async fn talk(mut one: impl Write + Unpin, mut other: impl Read + Unpin) {
        assert!(one.is_write_vectored());
        let bufs = [IoSlice::new(b"hel"), IoSlice::new(b"lo")];
        let write = poll_fn(|cx| Pin::new(&mut one).poll_write_vectored(cx, &bufs));
        assert_eq!(soon(write).await.unwrap(), 5);
        poll_fn(|cx| Pin::new(&mut one).poll_flush(cx))
            .await
            .unwrap();
        let mut memory = [MaybeUninit::uninit(); 8];
        let mut buf = ReadBuf::uninit(&mut memory);
        let read = poll_fn(|cx| Pin::new(&mut other).poll_read(cx, buf.unfilled()));
        soon(read).await.unwrap();
        assert_eq!(buf.filled(), b"hello");
        // What was read stays, and is not read over.
        let write = poll_fn(|cx| Pin::new(&mut one).poll_write(cx, b"!"));
        soon(write).await.unwrap();
        let read = poll_fn(|cx| Pin::new(&mut other).poll_read(cx, buf.unfilled()));
        soon(read).await.unwrap();
        assert_eq!(buf.filled(), b"hello!");
        poll_fn(|cx| Pin::new(&mut one).poll_shutdown(cx))
            .await
            .unwrap();
        let read = poll_fn(|cx| Pin::new(&mut other).poll_read(cx, buf.unfilled()));
        soon(read).await.unwrap();
        assert_eq!(buf.filled(), b"hello!");
    }

    #[test]
    fn the_timer_tells_the_time_of_a_simulation() {
        let _watchdog = watchdog(60);
        const HOUR: Duration = Duration::from_secs(3600);
        let passed = executor::simulate(async {
            let timer = Handle::current();
            let start = timer.now();
            timer.sleep(HOUR).await;
            timer.now() - start
        });
        assert_eq!(passed, HOUR);
    }

    #[test]
    fn streams_and_their_halves_talk() {
        let _watchdog = watchdog(60);
        everywhere(|| async {
            let (one, other): (TcpStream, TcpStream) = tcp_pair().await;
            talk(&one, other).await;
            let (one, other) = UnixStream::pair().unwrap();
            talk(one, &other).await;
            let (one, other) = tcp_pair().await;
            let ((_read, write), (read, _write)) = (one.into_split(), other.into_split());
            talk(write, read).await;
        });
    }

    #[test]
    fn a_handle_spawns_and_keeps_time() {
        let _watchdog = watchdog(60);
        everywhere(|| async {
            let handle = Handle::current();
            let (send, receive) = async_channel::bounded(1);
            handle.execute(async move { send.send(7).await.unwrap() });
            assert_eq!(soon(receive.recv()).await.unwrap(), 7);
            let begin = Instant::now();
            handle.sleep(Duration::from_millis(3)).await;
            assert!(begin.elapsed() >= Duration::from_millis(3));
            let mut sleep = handle.sleep_until(begin + Duration::from_secs(1_000));
            handle.reset(&mut sleep, begin + Duration::from_millis(5));
            soon(sleep).await;
            assert!(begin.elapsed() >= Duration::from_millis(5));
        });
    }
}

#[cfg(feature = "tokio-io")]
mod tokio_traits {
    use crate::{
        common::watchdog,
        sockets::{everywhere, soon, tcp_pair},
    };
    use executor::net::{TcpStream, unix::UnixStream};
    use std::{future::poll_fn, io::IoSlice, mem::MaybeUninit, pin::Pin};
    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    async fn talk(mut one: impl AsyncWrite + Unpin, mut other: impl AsyncRead + Unpin) {
        assert!(one.is_write_vectored());
        let bufs = [IoSlice::new(b"hel"), IoSlice::new(b"lo")];
        let write = poll_fn(|cx| Pin::new(&mut one).poll_write_vectored(cx, &bufs));
        assert_eq!(soon(write).await.unwrap(), 5);
        poll_fn(|cx| Pin::new(&mut one).poll_flush(cx))
            .await
            .unwrap();
        let mut memory = [MaybeUninit::uninit(); 8];
        let mut buf = ReadBuf::uninit(&mut memory);
        let read = poll_fn(|cx| Pin::new(&mut other).poll_read(cx, &mut buf));
        soon(read).await.unwrap();
        assert_eq!(buf.filled(), b"hello");
        let write = poll_fn(|cx| Pin::new(&mut one).poll_write(cx, b"!"));
        soon(write).await.unwrap();
        let read = poll_fn(|cx| Pin::new(&mut other).poll_read(cx, &mut buf));
        soon(read).await.unwrap();
        assert_eq!(buf.filled(), b"hello!");
        poll_fn(|cx| Pin::new(&mut one).poll_shutdown(cx))
            .await
            .unwrap();
        let read = poll_fn(|cx| Pin::new(&mut other).poll_read(cx, &mut buf));
        soon(read).await.unwrap();
        assert_eq!(buf.filled(), b"hello!");
    }

    #[test]
    fn streams_and_their_halves_talk() {
        let _watchdog = watchdog(60);
        everywhere(|| async {
            let (one, other): (TcpStream, TcpStream) = tcp_pair().await;
            talk(&one, other).await;
            let (one, other) = UnixStream::pair().unwrap();
            talk(one, &other).await;
            let (one, other) = tcp_pair().await;
            let ((_read, write), (read, _write)) = (one.into_split(), other.into_split());
            talk(write, read).await;
        });
    }
}
