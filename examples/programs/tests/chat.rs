//! `chat` passes on what is said, shuts out who is too slow, and ends when it is told to.

mod common;

use async_tungstenite::tungstenite::{
    Error, Message, WebSocket, client, protocol::frame::coding::CloseCode,
};
use common::{PATIENCE, Program, texts, wait_until, watchdog};
use socket2::SockRef;
use std::{
    io::Write,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

const CHAT: &str = env!("CARGO_BIN_EXE_chat");

/// A server, and its address.
fn server(arguments: &[&str]) -> (Program, String) {
    let mut program = Program::start(CHAT, &[&["--listen", "127.0.0.1:0"], arguments].concat());
    let address = program.line_after("Listening on ws://");
    (program, address)
}

type Member = WebSocket<TcpStream>;

fn try_to_join(address: &str) -> Result<Member, String> {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // Else the system may keep as much as 32 MiB for it.
    let socket = SockRef::from(&stream);
    socket.set_recv_buffer_size(64 << 10).unwrap();
    let joined = client(format!("ws://{address}/"), stream);
    joined
        .map(|(member, _)| member)
        .map_err(|error| error.to_string())
}

fn join(address: &str) -> Member {
    try_to_join(address).unwrap()
}

fn say(member: &mut Member, text: &str) {
    member.send(Message::text(text)).unwrap();
}

#[track_caller]
fn hear(member: &mut Member) -> String {
    let message = member.read().expect("a message");
    message.into_text().expect("text").to_string()
}

/// Reads to the end. Returns how many messages came, and why there are no more, if it was said.
fn hear_to_the_end(member: &mut Member) -> (usize, Option<CloseCode>) {
    let (mut heard, mut code) = (0, None);
    loop {
        match member.read() {
            Ok(Message::Close(why)) => code = why.map(|why| why.code),
            Ok(_) => heard += 1,
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("the connection stays open: {heard} heard, {code:?}")
            }
            Err(_) => return (heard, code),
        }
    }
}

#[test]
fn what_one_says_all_hear_in_one_order() {
    let _watchdog = watchdog();
    let (program, address) = server(&[]);
    let mut members: Vec<_> = (0..5).map(|_| join(&address)).collect();
    for round in 0..20 {
        for member in &mut members {
            say(member, &format!("round {round}"));
        }
    }
    let mut heard: Vec<Vec<String>> = Vec::new();
    for member in &mut members {
        heard.push((0..100).map(|_| hear(member)).collect());
    }
    assert!(heard.iter().all(|each| *each == heard[0]), "{heard:?}");
    for number in 1..=5 {
        let prefix = format!("{number}: ");
        let said = heard[0]
            .iter()
            .filter_map(|text| text.strip_prefix(&prefix));
        let expected = (0..20).map(|round| format!("round {round}"));
        assert!(said.eq(expected), "{heard:?}");
    }
    drop(members);
    program.interrupt();
    program.ends_well();
}

#[test]
fn a_thousand_members_hear_each_message_once() {
    let _watchdog = watchdog();
    let (program, address) = server(&[]);
    let mut load = Program::start(
        CHAT,
        &["--load", &address, "--seconds", "1", "--speakers", "2"],
    );
    assert_eq!(load.line(), "1000 members have joined");
    // The chat is full.
    let error = try_to_join(&address).map(drop).unwrap_err();
    assert!(error.contains("503"), "{error}");
    let printed = load.ends_well();
    let (deliveries, _) = printed.split_once(" deliveries, ").expect("how many");
    let deliveries: usize = deliveries.parse().unwrap();
    assert!(
        deliveries > 0 && deliveries.is_multiple_of(1000),
        "{printed}"
    );
    assert!(
        printed.contains("median ") && printed.contains("p99 "),
        "{printed}"
    );

    // And so there is room for others.
    wait_until("there is room", || try_to_join(&address).is_ok());
    program.interrupt();
    program.ends_well();
}

/// Frames of one byte each, as a client sends them.
fn frames(many: usize) -> Vec<u8> {
    [0x81, 0x81, 0, 0, 0, 0, b'x'].repeat(many)
}

#[test]
fn a_thousand_lines_at_once_shut_out_nobody_who_listens() {
    let _watchdog = watchdog();
    let (_program, address) = server(&[]);
    let mut members: Vec<_> = (0..20).map(|_| join(&address)).collect();
    let mut speaks = members[0].get_ref().try_clone().unwrap();
    // The second time it is more than the ring has room for.
    for lines in [1_000, 10_000] {
        thread::scope(|scope| {
            for member in &mut members {
                scope.spawn(move || (0..lines).for_each(|_| assert_eq!(hear(member), "1: x")));
            }
            speaks.write_all(&frames(lines)).unwrap();
        });
    }
}

#[test]
fn all_members_speak_at_once_and_all_hear_all() {
    let _watchdog = watchdog();
    let (_program, address) = server(&[]);
    const MEMBERS: usize = 50;
    const LINES: usize = 100;
    let mut members: Vec<_> = (0..MEMBERS).map(|_| join(&address)).collect();
    for member in &mut members {
        member.get_mut().write_all(&frames(LINES)).unwrap();
    }
    for member in &mut members {
        for _ in 0..MEMBERS * LINES {
            assert!(hear(member).ends_with(": x"));
        }
    }
}

#[test]
fn who_does_not_listen_is_shut_out_and_the_others_hear_all() {
    let _watchdog = watchdog();
    let (program, address) = server(&[]);
    let mut slow = join(&address);
    let mut speaker = join(&address);
    // More than a ring and what the system keeps.
    const MESSAGES: usize = 7_000;
    const WINDOW: usize = 100;
    let text = "x".repeat(4_000);
    for number in 0..MESSAGES + WINDOW {
        if number < MESSAGES {
            say(&mut speaker, &text);
        }
        if number >= WINDOW {
            assert_eq!(hear(&mut speaker).len(), "2: ".len() + text.len());
        }
    }
    let mut heard = 0;
    let told = loop {
        match slow.read() {
            Ok(Message::Close(why)) => break why.map(|why| why.code),
            Ok(_) => heard += 1,
            Err(_) => break None, // it took nothing for too long
        }
    };
    assert!(heard < MESSAGES, "it has heard all");
    assert!(matches!(told, None | Some(CloseCode::Policy)), "{told:?}");
    // It has not said that it goes. What it says instead, nobody hears.
    let _ = slow.get_mut().write_all(&frames(10));
    hear_to_the_end(&mut slow);
    say(&mut speaker, "still here");
    assert_eq!(hear(&mut speaker), "2: still here");
    drop((slow, speaker));
    program.interrupt();
    program.ends_well();
}

#[test]
fn too_long_a_message_ends_the_one_connection() {
    let _watchdog = watchdog();
    let (_program, address) = server(&[]);
    let (mut long, mut other) = (join(&address), join(&address));
    say(&mut long, &"x".repeat(4 << 10));
    for member in [&mut long, &mut other] {
        assert_eq!(hear(member).len(), "1: ".len() + (4 << 10));
    }
    say(&mut long, &"x".repeat((4 << 10) + 1));
    assert_eq!(hear_to_the_end(&mut long), (0, None));
    say(&mut other, "still here");
    assert_eq!(hear(&mut other), "2: still here");
}

#[test]
fn at_ctrl_c_members_hear_what_was_said_and_that_the_chat_closes() {
    let _watchdog = watchdog();
    let (program, address) = server(&[]);
    let (mut first, mut second) = (join(&address), join(&address));
    for _ in 0..10 {
        say(&mut first, "hello");
    }
    for _ in 0..10 {
        hear(&mut first);
    }
    program.interrupt();
    assert_eq!(hear_to_the_end(&mut second), (10, Some(CloseCode::Away)));
    assert_eq!(hear_to_the_end(&mut first), (0, Some(CloseCode::Away)));
    program.ends_well();
}

#[test]
fn who_has_said_nothing_is_not_waited_for_at_the_end() {
    let _watchdog = watchdog();
    let (program, address) = server(&[]);
    let _silent = TcpStream::connect(&address).unwrap();
    drop(join(&address)); // and so the one before it has been accepted
    let begin = Instant::now();
    program.interrupt();
    program.ends_well();
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn what_strangers_say_is_not_measured() {
    let _watchdog = watchdog();
    let (_program, address) = server(&[]);
    let arguments = ["--load", &address, "--seconds", "1", "--members", "3"];
    let mut load = Program::start(CHAT, &arguments);
    assert_eq!(load.line(), "3 members have joined");
    let mut stranger = join(&address);
    for text in ["0 1", "end", "0 1"] {
        say(&mut stranger, text);
    }
    let printed = load.ends_well();
    let (deliveries, _) = printed.split_once(" deliveries, ").expect("how many");
    let deliveries: usize = deliveries.parse().unwrap();
    assert!(deliveries.is_multiple_of(3), "{printed}");
}

#[test]
fn a_chat_that_is_not_there_cannot_be_joined() {
    let _watchdog = watchdog();
    let (program, address) = server(&[]);
    program.interrupt();
    program.ends_well();
    let output = Program::start(CHAT, &["--load", &address]).ends();
    let [_, errors] = texts(&output);
    assert!(
        errors.starts_with(&format!("error: cannot join {address}: ")),
        "{errors}"
    );
    assert_eq!(output.status.code(), Some(1));
}
