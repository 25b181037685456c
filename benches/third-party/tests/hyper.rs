//! hyper's HTTP/2 server and client talk to each other, over a pipe in memory and over our sockets,
//! and every stream of both is a task of ours.

mod common;

use common::{Result, assert_is_on_our_threads, connection, run};
use executor::{Handle, spawn};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http2::{Builder as Client, SendRequest},
    rt::{Read, Write},
    server::conn::http2::Builder as Server,
    service::service_fn,
};
use smol_hyper::rt::FuturesIo;
use std::{
    convert::Infallible,
    time::{Duration, Instant},
};
use tokio::io::{DuplexStream, duplex};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};
use waitgroup::WaitGroup;

/// More than the 200 streams that hyper's server allows at once if not told otherwise.
const REQUESTS: usize = 300;

/// Less than a frame, which is up to 16 KiB long: both sides wait for each other all the time.
const PIPE_BYTES: usize = 4096;

/// When a client asks whether the server is still there, and when it gives up. (Not beside bodies
/// in both directions: if both sides owe an answer to that when their writes wait for each other,
/// h2 reads no more, and they wait for ever. That is so under tokio, too.)
const ASK: Duration = Duration::from_millis(5);
const GIVE_UP: Duration = Duration::from_millis(50);

type Pipe = FuturesIo<Compat<DuplexStream>>;

fn pipe() -> (Pipe, Pipe) {
    let (near, far) = duplex(PIPE_BYTES);
    (FuturesIo::new(near.compat()), FuturesIo::new(far.compat()))
}

/// Sends back each request's body, but none before all requests are there.
async fn serve(stream: impl Read + Write + Unpin) -> hyper::Result<()> {
    let missing = WaitGroup::new();
    missing.add(REQUESTS);
    let echo = service_fn(move |request: Request<Incoming>| {
        let missing = missing.clone();
        async move {
            missing.done();
            missing.wait().await;
            // Only now: the others would wait for ever for one that has panicked before its `done`.
            assert_is_on_our_threads();
            Ok::<_, Infallible>(Response::new(request.into_body()))
        }
    });
    Server::new(Handle::current())
        .max_concurrent_streams(REQUESTS as u32)
        .serve_connection(stream, echo)
        .await
}

/// Unlike that of any other request, and no two lines of it are alike. The first is empty, the last
/// needs two frames or more; all together are larger than the connection's window of 1 MiB.
fn body(number: usize) -> Bytes {
    let lines = (0..10 * number).map(|line| format!("{number}:{line}\n"));
    lines.collect::<String>().into()
}

async fn ask(mut client: SendRequest<Full<Bytes>>, number: usize) -> hyper::Result<Bytes> {
    let request = Request::new(Full::new(body(number)));
    let answer = client.send_request(request).await?;
    Ok(answer.into_body().collect().await?.to_bytes())
}

async fn conversation<S>(near: S, far: S) -> Result
where
    S: Read + Write + Unpin + Send + 'static,
{
    let server = spawn(serve(far));
    let (client, connection) = Client::new(Handle::current()).handshake(near).await?;
    let connection = spawn(connection);

    let answers: Vec<_> = (0..REQUESTS)
        .map(|number| spawn(ask(client.clone(), number)))
        .collect();
    for (number, answer) in answers.into_iter().enumerate() {
        assert!(
            answer.await?? == body(number),
            "the answer to request {number}"
        );
    }

    drop(client);
    connection.await??;
    Ok(server.await??)
}

#[test]
fn hundreds_of_concurrent_http2_requests_are_answered_each_by_a_task_of_its_own() {
    run(async {
        let (near, far) = pipe();
        conversation(near, far).await
    });
}

#[test]
fn and_over_sockets() {
    run(async {
        let (near, far) = connection().await?;
        conversation(near, far).await
    });
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    run(async {
        let begin = Instant::now();
        let (near, _silent) = connection().await?;
        let (_client, connection) = Client::new(Handle::current())
            .timer(Handle::current())
            .keep_alive_interval(ASK)
            .keep_alive_timeout(GIVE_UP)
            .keep_alive_while_idle(true)
            .handshake::<_, Full<Bytes>>(near)
            .await?;
        let error = spawn(connection).await?.expect_err("there is no server");
        assert!(error.is_timeout(), "{error:?}");
        assert!(begin.elapsed() >= ASK + GIVE_UP);
        Ok(())
    });
}
