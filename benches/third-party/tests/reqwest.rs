//! reqwest's client. It brings sockets of its own, which are tokio's.

mod common;

use common::{NO_REACTOR, Result, assert_is_on_our_threads, panic_of, run_inside_tokio};
use executor::{AbortOnDrop, Handle, JoinSet, net::TcpListener, spawn, time::sleep};
use futures::StreamExt;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use reqwest::Client;
use std::{convert::Infallible, io, time::Duration};

const REQUESTS: usize = 100;

/// A server on our sockets that sends back what it gets, and the way to it.
async fn server() -> io::Result<(String, AbortOnDrop<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let server = spawn(async move {
        let mut incoming = listener.incoming();
        while let Some(Ok(stream)) = incoming.next().await {
            let echo = service_fn(|request: Request<Incoming>| async {
                if request.uri().path() == "/never" {
                    sleep(Duration::MAX).await;
                }
                Ok::<_, Infallible>(Response::new(request.into_body()))
            });
            let mut builder = http1::Builder::new();
            builder.timer(Handle::current());
            spawn(async move { builder.serve_connection(stream, echo).await });
        }
    });
    Ok((url, server.abort_on_drop()))
}

#[test]
fn bare_it_panics() {
    let text = panic_of(async {
        let (url, _server) = server().await?;
        Client::new().get(url).send().await?;
        Ok(())
    });
    assert_eq!(text, NO_REACTOR);
}

#[test]
fn through_the_bridge_requests_of_our_tasks_are_answered() {
    run_inside_tokio(async {
        let (url, _server) = server().await?;
        let client = Client::new();
        let requests: JoinSet<Result> = (0..REQUESTS)
            .map(|number| {
                let request = client.post(&url).body(number.to_string());
                async move {
                    let answer = request.send().await?.text().await?;
                    assert_eq!(answer, number.to_string());
                    assert_is_on_our_threads();
                    Ok(())
                }
            })
            .collect();
        requests.join_all().await.into_iter().collect()
    });
}

#[test]
fn through_the_bridge_its_time_limits_work() {
    run_inside_tokio(async {
        let (url, _server) = server().await?;
        let request = Client::new().get(url + "never");
        let limited = request.timeout(Duration::from_millis(20)).send().await;
        assert!(limited.expect_err("no answer comes").is_timeout());
        Ok(())
    });
}
