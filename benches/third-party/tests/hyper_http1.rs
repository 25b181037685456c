//! hyper's HTTP/1 server over our sockets: connections that are used again and again, requests that
//! do not wait for the answer to the one before, and an end that lets a request end.

mod common;

use common::{assert_is_on_our_threads, connection, payload, run};
use executor::{Handle, JoinHandle, net::TcpStream, spawn};
use futures::{
    AsyncBufReadExt, AsyncReadExt, AsyncWriteExt,
    future::{Either, select, try_join},
    io::{BufReader, ReadHalf},
};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, body::Bytes, body::Incoming, client::conn::http1::handshake,
    server::conn::http1::Builder, service::service_fn,
};
use std::{
    convert::Infallible,
    io,
    pin::pin,
    time::{Duration, Instant},
};

const REQUESTS: usize = 200;

/// All together are more than the system keeps for a reader that is slow; the first one is empty.
fn length(number: usize) -> usize {
    number * 500
}

/// How long the server waits for the end of a request's headers.
const HEADERS_TAKE: Duration = Duration::from_millis(50);

async fn echo(request: Request<Incoming>) -> std::result::Result<Response<Incoming>, Infallible> {
    assert_is_on_our_threads();
    Ok(Response::new(request.into_body()))
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.timer(Handle::current());
    builder
}

/// Serves to the client's end.
fn serve(builder: Builder, stream: TcpStream) -> JoinHandle<hyper::Result<()>> {
    spawn(async move { builder.serve_connection(stream, service_fn(echo)).await })
}

#[test]
fn a_connection_is_kept_for_hundreds_of_requests() {
    run(async {
        let (near, far) = connection().await?;
        let server = serve(builder(), far);
        let (mut client, connection) = handshake(near).await?;
        let connection = spawn(connection);
        for number in 0..REQUESTS {
            let body = Bytes::from(payload(number, length(number)));
            client.ready().await?;
            let request = Request::post("/").header("Host", "localhost");
            let answer = client
                .send_request(request.body(Full::new(body.clone()))?)
                .await?;
            let echoed = answer.into_body().collect().await?.to_bytes();
            assert!(echoed == body, "the answer to request {number}");
        }
        drop(client);
        connection.await??;
        Ok(server.await??)
    });
}

/// Reads an answer, headers and body. It says how long it is.
async fn answer(stream: &mut BufReader<ReadHalf<TcpStream>>) -> io::Result<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        if line.trim_end().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

#[test]
fn requests_that_do_not_wait_for_answers_are_answered_in_order() {
    run(async {
        let (near, far) = connection().await?;
        let mut pipelined = builder();
        pipelined.pipeline_flush(true).half_close(true);
        let server = serve(pipelined, far);
        let (reader, mut writer) = near.split();
        let asks = async {
            for number in 0..REQUESTS {
                let length = length(number);
                let head = format!(
                    "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
                );
                writer.write_all(head.as_bytes()).await?;
                writer.write_all(&payload(number, length)).await?;
            }
            // Half of the connection: the answers still come.
            writer.close().await
        };
        let hears = async {
            let mut reader = BufReader::new(reader);
            for number in 0..REQUESTS {
                let body = answer(&mut reader).await?;
                assert!(body == payload(number, length(number)), "answer {number}");
            }
            reader.read(&mut [0]).await
        };
        let ((), left) = try_join(asks, hears).await?;
        assert_eq!(left, 0);
        Ok(server.await??)
    });
}

#[test]
fn headers_that_do_not_end_are_not_waited_for() {
    run(async {
        let (mut near, far) = connection().await?;
        let mut impatient = builder();
        impatient.header_read_timeout(HEADERS_TAKE);
        let begin = Instant::now();
        let server = serve(impatient, far);
        near.write_all(b"GET / HTTP/1.1\r\nHost: ").await?;
        let error = server.await?.expect_err("the headers have no end");
        assert!(error.is_timeout(), "{error}");
        assert!(begin.elapsed() >= HEADERS_TAKE);
        Ok(())
    });
}

#[test]
fn a_graceful_end_lets_the_request_under_way_end() {
    run(async {
        let (mut near, far) = connection().await?;
        let (stops, stop) = futures::channel::oneshot::channel::<()>();
        let server = spawn(async move {
            let connection = pin!(builder().serve_connection(far, service_fn(echo)));
            match select(connection, stop).await {
                Either::Left((ended, _)) => panic!("too early: {ended:?}"),
                Either::Right((_, mut connection)) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        });
        let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12\r\n\r\n";
        near.write_all(head.as_bytes()).await?;
        near.write_all(b"first,").await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"first,") {
            let mut byte = [0];
            near.read_exact(&mut byte).await?;
            answer.extend(byte);
        }
        stops.send(()).expect("it serves");
        near.write_all(b"second").await?;
        let mut rest = String::new();
        near.read_to_string(&mut rest).await?;
        assert_eq!(rest, "second");
        Ok(server.await??)
    });
}
