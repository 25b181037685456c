//! hyper's HTTP/2 server and client talk to each other over a pipe in memory, and every stream of
//! both is a task of ours.

use executor::{Executor, Handle, spawn, time::timeout};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http2::{SendRequest, handshake},
    server::conn::http2::Builder,
    service::service_fn,
};
use smol_hyper::rt::FuturesIo;
use std::{convert::Infallible, thread, time::Duration};
use tokio::io::{DuplexStream, duplex};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};
use waitgroup::WaitGroup;

/// More than the 200 streams that hyper's server allows at once if not told otherwise.
const REQUESTS: usize = 300;

/// Less than a frame, which is up to 16 KiB long: both sides wait for each other all the time.
const PIPE_BYTES: usize = 4096;

/// The whole takes less than a second; what hangs, hangs for ever.
const PATIENCE: Duration = Duration::from_secs(60);

const THREAD_NAME: &str = "runs-hyper";

/// What hyper spawns its tasks with.
#[derive(Clone)]
struct Spawner(Handle);

impl<F> hyper::rt::Executor<F> for Spawner
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        drop(self.0.spawn(future));
    }
}

type Pipe = FuturesIo<Compat<DuplexStream>>;

fn pipe() -> (Pipe, Pipe) {
    let (near, far) = duplex(PIPE_BYTES);
    (FuturesIo::new(near.compat()), FuturesIo::new(far.compat()))
}

/// Sends back each request's body, but none before all requests are there.
async fn serve(pipe: Pipe) -> hyper::Result<()> {
    let missing = WaitGroup::new();
    missing.add(REQUESTS);
    let echo = service_fn(move |request: Request<Incoming>| {
        let missing = missing.clone();
        async move {
            missing.done();
            missing.wait().await;
            // Only now: the others would wait for ever for one that has panicked before its `done`.
            assert_eq!(thread::current().name(), Some(THREAD_NAME));
            Ok::<_, Infallible>(Response::new(request.into_body()))
        }
    });
    Builder::new(Spawner(Handle::current()))
        .max_concurrent_streams(REQUESTS as u32)
        .serve_connection(pipe, echo)
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

async fn conversation() {
    let (near, far) = pipe();
    let server = spawn(serve(far));
    let shaken = handshake(Spawner(Handle::current()), near).await;
    let (client, connection) = shaken.expect("the server is there");
    let connection = spawn(connection);

    let answers: Vec<_> = (0..REQUESTS)
        .map(|number| spawn(ask(client.clone(), number)))
        .collect();
    for (number, answer) in answers.into_iter().enumerate() {
        let answer = answer.await.expect("no panic").expect("an answer");
        assert!(answer == body(number), "the answer to request {number}");
    }

    drop(client);
    let ends = [connection.await, server.await];
    assert!(ends.iter().all(|end| matches!(end, Ok(Ok(())))), "{ends:?}");
}

#[test]
fn hundreds_of_concurrent_http2_requests_are_answered_each_by_a_task_of_its_own() {
    let builder = Executor::builder().workers(2).thread_name(THREAD_NAME);
    let executor = builder.build().expect("two threads");
    let outcome = executor.block_on(timeout(PATIENCE, conversation()));
    // Not left to the drop of the executor, which would wait for a poll that never returns.
    executor.shutdown_timeout(PATIENCE).expect("no poll hangs");
    outcome.expect("no task hangs");
}
