//! A member: he says, and he hears, a task each.

use crate::{PATIENCE, Result};
use async_tungstenite::tungstenite::{
    Message, Utf8Bytes,
    protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
};
use async_tungstenite::{WebSocketReceiver, WebSocketSender, accept_async_with_config};
use executor::{net::TcpStream, spawn, time::timeout, yield_now};
use futures::future::{Either, select};
use futures::{SinkExt, StreamExt};
use std::{pin::pin, sync::Arc};
use tokio::sync::{
    Semaphore,
    broadcast::{Receiver, WeakSender, error::RecvError},
};
use tokio_util::sync::CancellationToken;

/// How many of his messages may be under way: said, and not yet told to himself.
pub const AHEAD: usize = 4;

/// How many bytes a message may have.
const MAX_MESSAGE: usize = 4 << 10;

/// What somebody has said: his number, and the text.
pub type Said = (u64, Utf8Bytes);
type Room = WeakSender<Said>;

/// A member, until he goes or has to.
pub async fn member(
    number: u64,
    stream: TcpStream,
    hears: Receiver<Said>,
    room: Room,
    stop: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let limits = WebSocketConfig::default();
    let limits = limits
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let handshake = timeout(PATIENCE, accept_async_with_config(stream, Some(limits)));
    let Some(Ok(Ok(socket))) = stop.run_until_cancelled(handshake).await else {
        return; // whoever that was speaks another protocol, or not at all
    };
    let (sink, mut says) = socket.split();
    let ahead = Arc::new(Semaphore::new(AHEAD));
    let hearing = spawn(hear(number, hears, sink, Arc::clone(&ahead))).abort_on_drop();
    let heard = match select(pin!(say(number, &mut says, room, &ahead)), hearing).await {
        Either::Left(_) => return, // he has gone
        Either::Right((heard, _)) => heard,
    };
    let Ok(Ok((mut sink, why))) = heard else {
        return; // he takes nothing any more
    };
    let (code, reason) = match why {
        RecvError::Lagged(_) => (CloseCode::Policy, "you are too slow"),
        RecvError::Closed => (CloseCode::Away, "the chat closes"),
    };
    let reason = reason.into();
    let goes = async {
        let _ = sink.close(Some(CloseFrame { code, reason })).await;
        // Until he says that he goes. What else he says, nobody hears.
        while let Some(Ok(_)) = says.next().await {}
    };
    let _ = timeout(PATIENCE, goes).await;
}

/// Passes on what a member says.
async fn say(number: u64, says: &mut WebSocketReceiver<TcpStream>, room: Room, ahead: &Semaphore) {
    while let Some(Ok(message)) = says.next().await {
        if let Message::Text(text) = message {
            let permit = ahead.acquire().await.expect("it is never closed");
            permit.forget(); // `hear` gives it back
            // What is said to a room that closes, nobody hears.
            if let Some(room) = room.upgrade() {
                let _ = room.send((number, format!("{number}: {text}").into()));
            }
        }
        yield_now().await; // many may have come at once: others have their turn
    }
}

/// Tells a member what is said. Returns why no more is.
async fn hear(
    number: u64,
    mut hears: Receiver<Said>,
    mut sink: WebSocketSender<TcpStream>,
    ahead: Arc<Semaphore>,
) -> Result<(WebSocketSender<TcpStream>, RecvError)> {
    loop {
        let (mut said, mut own) = (hears.recv().await, 0);
        let tell = async {
            while let Ok((speaker, text)) = said {
                own += usize::from(speaker == number);
                sink.feed(Message::Text(text)).await?;
                if hears.is_empty() {
                    return sink.flush().await.map(|()| None);
                }
                said = hears.recv().await; // it goes with it
            }
            Ok(said.err())
        };
        if let Some(why) = timeout(PATIENCE, tell).await?? {
            return Ok((sink, why));
        }
        ahead.add_permits(own);
    }
}
