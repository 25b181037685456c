//! async-tungstenite's WebSockets over our sockets, by futures' traits.

mod common;

use async_tungstenite::{
    accept_async, client_async,
    tungstenite::{self, Message},
};
use common::{Result, connection, payload, run};
use executor::{net::TcpStream, spawn};
use futures::{SinkExt, StreamExt, TryStreamExt, future::ready, stream};

const MESSAGES: usize = 100;

/// Every other one is text. All together are more than the system keeps for a reader that is slow.
fn message(number: usize) -> Message {
    let bytes = payload(number, number * number * 10);
    if number.is_multiple_of(2) {
        Message::binary(bytes)
    } else {
        Message::text(format!("{number}: {bytes:?}"))
    }
}

/// Sends each message back, until the other side closes. Returns how many.
async fn echo(stream: TcpStream) -> tungstenite::Result<usize> {
    let (sink, stream) = accept_async(stream).await?.split();
    let mut sent = 0;
    stream
        .try_filter(|message| ready(message.is_text() || message.is_binary()))
        .inspect_ok(|_| {
            common::assert_is_on_our_threads();
            sent += 1;
        })
        .forward(sink)
        .await?;
    Ok(sent)
}

async fn conversation() -> Result {
    let (near, far) = connection().await?;
    let server = spawn(echo(far));
    let (client, response) = client_async("ws://localhost/", near).await?;
    assert_eq!(response.status().as_u16(), 101);

    let (mut sink, mut stream) = client.split();
    let sender = spawn(async move {
        let mut messages = stream::iter((0..MESSAGES).map(|number| Ok(message(number))));
        sink.send_all(&mut messages).await.map(|()| sink)
    });
    for number in 0..MESSAGES {
        let answer = stream.try_next().await?.expect("an answer");
        assert!(answer == message(number), "the answer to message {number}");
    }
    // Each side says that it closes, and the server ends the connection.
    sender.await??.close(None).await?;
    let last = stream.try_next().await?;
    assert_eq!(last, Some(Message::Close(None)));
    assert_eq!(stream.try_next().await?, None);
    assert_eq!(server.await??, MESSAGES);
    Ok(())
}

#[test]
fn messages_are_echoed_and_both_sides_close() {
    run(conversation());
}
