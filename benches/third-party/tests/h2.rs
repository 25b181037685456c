//! HTTP/2 by h2 over our sockets, by tokio's traits: no runtime of tokio is there.

mod common;

use common::{Result, connection, payload, run};
use executor::{JoinSet, net::TcpStream, spawn};
use h2::{RecvStream, client::SendRequest, server::SendResponse};
use hyper::{Request, Response, body::Bytes};

const STREAMS: usize = 50;

/// More than the window of a stream, and all together more than that of the connection: both sides
/// wait for each other all the time.
const LENGTH: usize = 100_000;

/// Returns a part of a body, and room for another one to the peer.
async fn part(body: &mut RecvStream) -> Result<Option<Bytes>> {
    let Some(part) = body.data().await.transpose()? else {
        return Ok(None);
    };
    body.flow_control().release_capacity(part.len())?;
    Ok(Some(part))
}

async fn echo(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Result {
    common::assert_is_on_our_threads();
    let mut answer = respond.send_response(Response::new(()), false)?;
    let mut body = request.into_body();
    while let Some(part) = part(&mut body).await? {
        answer.send_data(part, false)?;
    }
    Ok(answer.send_data(Bytes::new(), true)?)
}

/// Serves until the client ends the connection. Returns how many streams there were.
async fn serve(stream: TcpStream) -> Result<usize> {
    let mut connection = h2::server::handshake(stream).await?;
    let mut echoes = JoinSet::new();
    while let Some(request) = connection.accept().await {
        let (request, respond) = request?;
        echoes.spawn(echo(request, respond));
    }
    let echoes = echoes.join_all().await;
    let count = echoes.len();
    echoes.into_iter().collect::<Result>()?;
    Ok(count)
}

async fn ask(client: SendRequest<Bytes>, number: usize) -> Result {
    let request = Request::post("http://localhost/").body(())?;
    let (response, mut body) = client.ready().await?.send_request(request, false)?;
    body.send_data(payload(number, LENGTH).into(), true)?;
    let mut answer = response.await?.into_body();
    let mut echoed = Vec::new();
    while let Some(part) = part(&mut answer).await? {
        echoed.extend_from_slice(&part);
    }
    assert!(echoed == payload(number, LENGTH), "stream {number}");
    Ok(())
}

async fn conversation() -> Result {
    let (near, far) = connection().await?;
    let server = spawn(serve(far));
    let (client, connection) = h2::client::handshake(near).await?;
    let connection = spawn(connection);

    let streams: JoinSet<_> = (0..STREAMS)
        .map(|number| ask(client.clone(), number))
        .collect();
    streams.join_all().await.into_iter().collect::<Result>()?;

    // The last one that could ask: the connection ends, and says so to the server.
    drop(client);
    connection.await??;
    assert_eq!(server.await??, STREAMS);
    Ok(())
}

#[test]
fn many_streams_go_both_ways_at_once_and_the_connection_ends() {
    run(conversation());
}
