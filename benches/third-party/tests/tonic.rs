//! tonic: its server and its channel, on tokio's sockets; and its routes and its channel on ours.

mod common;

use common::{NO_REACTOR, Result, assert_is_on_our_threads, panic_of, run, run_inside_tokio};
use executor::{
    Handle,
    net::{TcpListener, TcpStream},
    spawn,
};
use futures::{channel::oneshot, future::try_join};
use hyper::{Uri, server::conn::http2};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use tonic::{
    service::Routes,
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use tonic_health::{
    pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient},
    server::health_reporter,
};
use tower::service_fn;

/// What the service says of itself.
async fn check(channel: Channel) -> Result {
    let mut client = HealthClient::new(channel);
    let answer = client.check(HealthCheckRequest::default()).await?;
    assert_eq!(answer.into_inner().status(), ServingStatus::Serving);
    assert_is_on_our_threads();
    Ok(())
}

async fn its_server_and_its_channel() -> Result {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?;
    let address = incoming.local_addr()?;
    let (stops, stop) = oneshot::channel::<()>();
    let (_, health) = health_reporter();
    let server = Server::builder()
        .add_service(health)
        .serve_with_incoming_shutdown(incoming, async { _ = stop.await });
    let client = async {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("a URI");
        let checked = check(endpoint.connect().await.expect("it listens")).await;
        drop(stops);
        Ok(checked)
    };
    try_join(server, client).await?.1
}

#[test]
fn bare_its_server_and_its_channel_panic() {
    assert_eq!(panic_of(its_server_and_its_channel()), NO_REACTOR);
    let connects = async {
        let endpoint = Endpoint::from_static("http://127.0.0.1:1");
        endpoint.connect().await?;
        Ok(())
    };
    assert_eq!(panic_of(connects), NO_REACTOR);
}

#[test]
fn through_the_bridge_its_server_and_its_channel_work() {
    run_inside_tokio(its_server_and_its_channel());
}

/// A channel over one of our sockets, whose tasks are ours.
async fn our_channel(address: SocketAddr) -> Result<Channel> {
    let connects = service_fn(move |_: Uri| TcpStream::connect(address));
    let endpoint = Endpoint::from_static("http://localhost").executor(Handle::current());
    Ok(endpoint.connect_with_connector(connects).await?)
}

#[test]
fn its_routes_work_bare_under_hyper_and_its_channel_does_on_our_sockets() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = spawn(async move {
            let (_, health) = health_reporter();
            let service = TowerToHyperService::new(Routes::new(health).prepare());
            let (stream, _) = listener.accept().await.expect("a connection");
            let connection = http2::Builder::new(Handle::current());
            connection.serve_connection(stream, service).await
        });
        check(our_channel(address).await?).await?;
        Ok(server.await??)
    });
}
