//! [iroh#2572](https://github.com/n0-computer/iroh/pull/2572), mended in
//! [32bb0f3b](https://github.com/n0-computer/iroh/commit/32bb0f3be432676ca49473e75c7eb00db32a3673):
//! connections of iroh-gossip drop for no reason.
//!
//! A loop selects between messages to send and a message to read. When one is to be sent, the
//! future that reads is dropped, with what it has read of a message by then: the next one begins in
//! the middle, and takes what stands there for a length. The mend has a loop for each direction.

use crate::{Version, common::watchdog, find, find_nothing};
use async_channel::{Receiver, Sender};
use executor::{
    sim::{FailureKind, random},
    spawn,
    time::sleep,
};
use futures::{
    StreamExt,
    future::{pending, select, try_join},
};
use std::{pin::pin, time::Duration};

const MAX_MESSAGE_SIZE: u32 = 1_000;

/// What each side sends.
const MESSAGES: [[u8; 5]; 3] = [[1; 5], [2; 5], [3; 5]];

type Message = Vec<u8>;

#[derive(Debug)]
struct TooLarge;

/// `None` at the end of the stream.
async fn read_message(stream: &Receiver<u8>) -> Result<Option<Message>, TooLarge> {
    let mut length = [0; 4];
    for byte in &mut length {
        match stream.recv().await {
            Ok(read) => *byte = read,
            Err(_) => return Ok(None),
        }
    }
    let length = u32::from_be_bytes(length);
    if length > MAX_MESSAGE_SIZE {
        return Err(TooLarge);
    }
    let mut message = Message::new();
    while message.len() < length as usize {
        match stream.recv().await {
            Ok(read) => message.push(read),
            Err(_) => return Ok(None),
        }
    }
    Ok(Some(message))
}

async fn write_message(stream: &Sender<u8>, message: &Message) -> Result<(), TooLarge> {
    let length = message.len() as u32;
    if length > MAX_MESSAGE_SIZE {
        return Err(TooLarge);
    }
    for byte in length.to_be_bytes().iter().chain(message) {
        stream.send(*byte).await.expect("the network is there");
    }
    Ok(())
}

/// One side of a connection: what is written to it, and what comes from it.
struct Connection {
    write: Sender<u8>,
    read: Receiver<u8>,
}

/// Sends what is in `outgoing`, and puts what is received into `incoming`.
async fn run(
    connection: Connection,
    outgoing: Receiver<Message>,
    incoming: Sender<Message>,
    version: Version,
) -> Result<(), TooLarge> {
    match version {
        Version::Broken => one_loop(connection, outgoing, incoming).await,
        Version::Mended => two_loops(connection, outgoing, incoming).await,
    }
}

async fn one_loop(
    connection: Connection,
    outgoing: Receiver<Message>,
    incoming: Sender<Message>,
) -> Result<(), TooLarge> {
    enum Next {
        ToSend(Option<Message>),
        Read(Result<Option<Message>, TooLarge>),
    }

    let mut write = Some(connection.write);
    loop {
        let to_send = async {
            match &write {
                Some(_) => Next::ToSend(outgoing.recv().await.ok()),
                None => pending().await,
            }
        };
        let read = async { Next::Read(read_message(&connection.read).await) };
        let next = select(pin!(to_send), pin!(read)).await.factor_first().0;
        match (next, &write) {
            (Next::ToSend(Some(message)), Some(write)) => write_message(write, &message).await?,
            // The other side may still have something.
            (Next::ToSend(_), _) => write = None,
            (Next::Read(message), _) => match message? {
                Some(message) => incoming.send(message).await.expect("somebody listens"),
                None => return Ok(()),
            },
        }
    }
}

async fn two_loops(
    connection: Connection,
    outgoing: Receiver<Message>,
    incoming: Sender<Message>,
) -> Result<(), TooLarge> {
    let Connection { write, read } = connection;
    let send = async {
        while let Ok(message) = outgoing.recv().await {
            write_message(&write, &message).await?;
        }
        drop(write);
        Ok(())
    };
    let receive = async {
        while let Some(message) = read_message(&read).await? {
            incoming.send(message).await.expect("somebody listens");
        }
        Ok(())
    };
    try_join(send, receive).await.map(|((), ())| ())
}

/// Two that are connected by a network, which delivers in pieces.
fn connect() -> (Connection, Connection) {
    let direction = || {
        let (write, sent) = async_channel::unbounded();
        let (arrives, read) = async_channel::unbounded();
        spawn(async move {
            while let Ok(byte) = sent.recv().await {
                if random().is_multiple_of(4) {
                    some_time().await;
                }
                // Whoever has had enough of it reads no more.
                let _ = arrives.send(byte).await;
            }
        });
        (write, read)
    };
    let ((to_left, left_reads), (to_right, right_reads)) = (direction(), direction());
    let left = Connection {
        write: to_right,
        read: left_reads,
    };
    let right = Connection {
        write: to_left,
        read: right_reads,
    };
    (left, right)
}

async fn some_time() {
    sleep(Duration::from_millis(random() % 3)).await;
}

/// Somebody who has three messages to send, at some time each, and hears what the other has.
async fn peer(connection: Connection, version: Version) -> Vec<Message> {
    let (send, outgoing) = async_channel::unbounded();
    let (incoming, receive) = async_channel::unbounded();
    let runs = spawn(run(connection, outgoing, incoming, version));
    for message in MESSAGES {
        some_time().await;
        // Unless the connection has broken down.
        let _ = send.send(message.to_vec()).await;
    }
    drop(send);
    runs.await.unwrap().expect("all lengths are in order");
    receive.collect().await
}

async fn program(version: Version) {
    let (left, right) = connect();
    for peer in [left, right].map(|connection| spawn(peer(connection, version))) {
        assert_eq!(peer.await.unwrap(), MESSAGES);
    }
}

#[test]
fn a_message_of_which_a_select_forgets_the_first_half_is_found() {
    let _watchdog = watchdog(60);
    let _ = find(program, FailureKind::Panic);
}

#[test]
fn a_loop_for_each_direction_forgets_nothing() {
    let _watchdog = watchdog(60);
    find_nothing(program);
}
