//! hyper's server, whose answer is always the same; the path says what it takes.

use super::net::{Listener, Net};
use crate::workload::{Blocker, STEPS_PER_MICRO, compute};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use std::{convert::Infallible, hint::black_box, io, time::Duration};

/// The answer. It is said in Go, too.
const HELLO: &[u8] = b"Hello, world!\n";

/// How long `/block` keeps its thread.
const BLOCKED: Duration = Duration::from_millis(100);

/// For how many microseconds `/compute` computes.
const COMPUTED: u64 = 50_000;

/// For how many microseconds `/announced` computes, in a call that it announces.
const ANNOUNCED: u64 = 20;

/// Answers on each connection of a listener, until its client has enough.
pub async fn serve<R: Net>(listener: R::Tcp) -> io::Result<()> {
    loop {
        let stream = R::http(listener.next().await?);
        R::spawn_detached(async move {
            let connection =
                http1::Builder::new().serve_connection(stream, service_fn(answer::<R>));
            // The clients end their connections hard.
            let _ = connection.await;
        });
    }
}

async fn answer<R: Net>(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    match request.uri().path() {
        "/block" => Blocker::Asleep.block(BLOCKED),
        "/compute" => drop(black_box(compute(1, COMPUTED * STEPS_PER_MICRO))),
        "/announced" => {
            black_box(R::blocking(|| compute(1, ANNOUNCED * STEPS_PER_MICRO)).await);
        }
        _ => {}
    }
    Ok(Response::new(Full::new(Bytes::from_static(HELLO))))
}
