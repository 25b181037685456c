//! axum: its own server, on tokio's sockets and on ours; and its router under hyper on ours.

mod common;

use axum::{Router, extract::Path, routing::get, serve::Listener};
use common::{NO_REACTOR, Result, is_on_our_threads, panic_of, run, run_inside_tokio};
use executor::{
    net::{TcpListener, TcpStream},
    spawn,
};
use futures::{AsyncReadExt, AsyncWriteExt, channel::oneshot, future::try_join};
use hyper::server::conn::http1;
use hyper_util::service::TowerToHyperService;
use std::{io, net::SocketAddr};

/// One page, which says whether its handler runs on our threads.
fn app() -> Router {
    let page = |Path(name): Path<String>| async move { format!("{name} {}", is_on_our_threads()) };
    Router::new().route("/hello/{name}", get(page))
}

/// What the page says.
async fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = "GET /hello/you HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    Ok(answer.rsplit("\r\n").next().unwrap_or_default().to_owned())
}

/// axum's server answers one request, and ends.
async fn serve<L>(listener: L, address: SocketAddr) -> Result
where
    L: Listener<Addr = SocketAddr>,
{
    let (stops, stop) = oneshot::channel::<()>();
    let server = axum::serve(listener, app()).with_graceful_shutdown(async { _ = stop.await });
    let client = async {
        let said = ask(address).await?;
        drop(stops);
        Ok(said)
    };
    let ((), said) = try_join(server.into_future(), client).await?;
    assert_eq!(said, "you false", "the handler is in a task of tokio's");
    Ok(())
}

async fn serve_on_tokios_sockets() -> Result {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    serve(listener, address).await
}

/// Our listener, whose streams have tokio's traits.
struct Ours(TcpListener);

impl Listener for Ours {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        self.0.accept().await.expect("a connection")
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

async fn serve_on_our_sockets() -> Result {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    serve(Ours(listener), address).await
}

#[test]
fn bare_its_server_panics_also_on_our_sockets() {
    assert_eq!(panic_of(serve_on_tokios_sockets()), NO_REACTOR);
    assert_eq!(panic_of(serve_on_our_sockets()), NO_REACTOR);
}

#[test]
fn through_the_bridge_its_server_works_and_handlers_are_in_tokios_tasks() {
    run_inside_tokio(serve_on_tokios_sockets());
    run_inside_tokio(serve_on_our_sockets());
}

#[test]
fn its_router_works_bare_under_hyper_on_our_sockets_and_in_our_tasks() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = spawn(async move {
            let (stream, _) = listener.accept().await?;
            let service = TowerToHyperService::new(app());
            let served = http1::Builder::new()
                .serve_connection(stream, service)
                .await;
            served.map_err(io::Error::other)
        });
        assert_eq!(ask(address).await?, "you true");
        Ok(server.await??)
    });
}
