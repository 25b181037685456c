//! `kv` answers as Redis does, keeps its limits, and ends when it is told to.

mod common;

use common::{Program, texts, wait_until, watchdog};
use redis::{Client, Commands, Connection, ExistenceCheck, RedisError, SetExpiry, SetOptions, cmd};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
};

const KV: &str = env!("CARGO_BIN_EXE_kv");

/// A server, and its address.
fn server(arguments: &[&str]) -> (Program, String) {
    let mut program = Program::start(KV, &[&["--listen", "127.0.0.1:0"], arguments].concat());
    let address = program.line_after("Listening on ");
    (program, address)
}

fn client(address: &str) -> Connection {
    let client = Client::open(format!("redis://{address}")).unwrap();
    client.get_connection().unwrap()
}

/// What the server sends back for this, until it closes the connection.
fn exchange(address: &str, sent: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(sent).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[track_caller]
fn code_and_text(answer: Result<(), RedisError>) -> String {
    let error = answer.expect_err("an error");
    format!(
        "{} {}",
        error.code().unwrap_or_default(),
        error.detail().unwrap_or_default()
    )
}

#[test]
fn values_are_set_and_got_and_deleted_and_counted() {
    let _watchdog = watchdog();
    let (program, address) = server(&[]);
    let redis = &mut client(&address);
    let () = redis.ping().unwrap();
    assert_eq!(
        cmd("ECHO").arg("hello").query(redis),
        Ok("hello".to_owned())
    );

    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    assert_eq!(redis.get("key"), Ok(None::<Vec<u8>>));
    let () = redis.set("key", &bytes).unwrap();
    assert_eq!(redis.get("key"), Ok(bytes));
    assert_eq!(redis.exists(&["key", "other", "key"]), Ok(2));
    assert_eq!(redis.del(&["key", "other"]), Ok(1));
    assert_eq!(redis.get("key"), Ok(None::<Vec<u8>>));

    assert_eq!(cmd("INCR").arg("n").query(redis), Ok(1));
    let () = redis.set("n", i64::MAX - 1).unwrap();
    assert_eq!(cmd("INCR").arg("n").query(redis), Ok(i64::MAX));
    for value in ["9223372036854775807", "text", "", "+5", "007", "-0", "5 "] {
        let () = redis.set("n", value).unwrap();
        let answer = code_and_text(cmd("INCR").arg("n").query(redis));
        assert_eq!(answer, "ERR value is not an integer or out of range");
        assert_eq!(redis.get("n"), Ok(value.to_owned()));
    }
    program.interrupt();
    program.ends_well();
}

#[test]
fn what_is_to_end_ends_and_is_as_if_it_had_never_been() {
    let _watchdog = watchdog();
    let (_program, address) = server(&[]);
    let redis = &mut client(&address);
    let for_a_moment = SetOptions::default().with_expiration(SetExpiry::PX(20));
    for key in ["got", "counted", "deleted", "set"] {
        let () = redis.set_options(key, "5", for_a_moment.clone()).unwrap();
    }
    let () = redis.set("stays", "5").unwrap();
    wait_until("it has ended", || redis.exists("got") == Ok(0));
    assert_eq!(redis.get("got"), Ok(None::<String>));
    assert_eq!(redis.ttl("got"), Ok(-2));
    assert_eq!(cmd("INCR").arg("counted").query(redis), Ok(1));
    assert_eq!(redis.del("deleted"), Ok(0));
    assert_eq!(redis.expire("deleted", 5), Ok(0));
    let if_new = SetOptions::default().conditional_set(ExistenceCheck::NX);
    let () = redis.set_options("set", "6", if_new).unwrap();
    assert_eq!(redis.get("set"), Ok(6));
    assert_eq!(redis.ttl("set"), Ok(-1));

    assert_eq!(redis.ttl("stays"), Ok(-1));
    assert_eq!(redis.expire("stays", 100), Ok(1));
    assert_eq!(redis.ttl("stays"), Ok(100));
    assert_eq!(redis.expire("stays", 0), Ok(1));
    assert_eq!(redis.get("stays"), Ok(None::<String>));
    let for_long = SetOptions::default().with_expiration(SetExpiry::EX(100));
    let () = redis.set_options("key", "5", for_long).unwrap();
    assert_eq!(redis.ttl("key"), Ok(100));
    let () = redis.set("key", "6").unwrap();
    assert_eq!(redis.ttl("key"), Ok(-1));
}

#[test]
fn conditions_of_set_are_heeded() {
    let _watchdog = watchdog();
    let (_program, address) = server(&[]);
    let redis = &mut client(&address);
    let only_if = |check| SetOptions::default().conditional_set(check);
    let (nx, xx) = (only_if(ExistenceCheck::NX), only_if(ExistenceCheck::XX));
    let ok = Ok(Some("OK".to_owned()));
    assert_eq!(
        redis.set_options("key", "1", xx.clone()),
        Ok(None::<String>)
    );
    assert_eq!(redis.set_options("key", "2", nx.clone()), ok);
    assert_eq!(
        redis.set_options("key", "3", nx.clone()),
        Ok(None::<String>)
    );
    assert_eq!(redis.get("key"), Ok(2));
    assert_eq!(redis.set_options("key", "4", xx.clone()), ok);
    assert_eq!(redis.get("key"), Ok(4));
}

#[test]
fn pipelines_are_answered_in_order_however_they_are_cut() {
    let _watchdog = watchdog();
    let (_program, address) = server(&[]);
    let (mut sent, mut expected) = (Vec::new(), String::new());
    for number in 0..5_000 {
        let value = "v".repeat(number % 1_000);
        let length = value.len();
        write!(
            sent,
            "*3\r\n$3\r\nset\r\n$1\r\nk\r\n${length}\r\n{value}\r\nget k\r\n"
        )
        .unwrap();
        expected += &format!("+OK\r\n${length}\r\n{value}\r\n");
    }
    assert!(exchange(&address, &sent) == expected);

    let few = &sent[..1_000];
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in few {
        stream.write_all(&[*byte]).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        expected.starts_with(&answer) && answer.len() > 100,
        "{answer}"
    );
}

#[test]
fn answers_beyond_what_the_system_keeps_wait_for_a_client_that_reads() {
    let _watchdog = watchdog();
    let (_program, address) = server(&[]);
    const LENGTH: usize = 1 << 20;
    const TIMES: usize = 100;
    let () = client(&address).set("key", vec![b'v'; LENGTH]).unwrap();
    let answer = exchange(&address, "GET key\r\n".repeat(TIMES).as_bytes());
    assert_eq!(answer.len(), TIMES * (LENGTH + "$1048576\r\n\r\n".len()));
}

#[test]
fn what_is_wrong_is_said() {
    let _watchdog = watchdog();
    let (_program, address) = server(&[]);
    let expected = [
        ("NOSUCH\r\n", "-ERR unknown command 'NOSUCH'\r\n"),
        (
            "GET\r\n",
            "-ERR wrong number of arguments for 'get' command\r\n",
        ),
        ("SET k v NX XX\r\n", "-ERR syntax error\r\n"),
        (
            "SET k v EX 0\r\n",
            "-ERR invalid expire time in 'set' command\r\n",
        ),
        (
            "SET k v EX\r\n",
            "-ERR invalid expire time in 'set' command\r\n",
        ),
        (
            "EXPIRE k x\r\n",
            "-ERR value is not an integer or out of range\r\n",
        ),
        ("\r\nPING\r\n", "+PONG\r\n"),
        ("*0\r\nPING\r\n", "+PONG\r\n"),
        ("*-1\r\nPING\r\n", "+PONG\r\n"),
    ];
    for (sent, answer) in expected {
        // The connection lives.
        let sent = format!("{sent}PING\r\n");
        assert_eq!(
            exchange(&address, sent.as_bytes()),
            format!("{answer}+PONG\r\n")
        );
    }
    let unfinished = "*1000\r\n$100000\r\n";
    let long = "x".repeat(1 << 20);
    let too_big = "*9\r\n".to_owned() + &format!("$1048576\r\n{long}\r\n").repeat(5);
    let ends = [
        ("*1025\r\n", "invalid multibulk length"),
        ("*x\r\n", "invalid multibulk length"),
        ("*1\r\n$1048577\r\n", "invalid bulk length"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n!4\r\nPING\r\n", "expected '$'"),
        ("*1\r\n$4\r\nPING!!", "expected a line's end"),
        (&long, "too big a line"),
        (&too_big, "too big a command"),
    ];
    for (sent, text) in ends {
        let sent = format!("PING\r\n{sent}");
        let answer = exchange(&address, sent.as_bytes());
        assert_eq!(answer, format!("+PONG\r\n-ERR Protocol error: {text}\r\n"));
    }
    // What never ends is no error.
    assert_eq!(exchange(&address, unfinished.as_bytes()), "");
}

#[test]
fn quit_is_answered_and_ends_the_connection() {
    let _watchdog = watchdog();
    let (_program, address) = server(&[]);
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.write_all(b"PING\r\nquit\r\nPING\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "+PONG\r\n+OK\r\n");
}

#[test]
fn beyond_the_limit_clients_are_told_so() {
    let _watchdog = watchdog();
    let (_program, address) = server(&["--max-clients", "1"]);
    let redis = &mut client(&address);
    let () = redis.ping().unwrap();
    let mut second = TcpStream::connect(&address).unwrap();
    let mut answer = String::new();
    second.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "-ERR max number of clients reached\r\n");
    let () = redis.ping().unwrap();
}

#[test]
fn ctrl_c_ends_it_and_clients_that_are_idle_are_no_reason_to_wait() {
    let _watchdog = watchdog();
    let (program, address) = server(&[]);
    let mut idle = TcpStream::connect(&address).unwrap();
    let mut busy = client(&address);
    let () = busy.ping().unwrap();
    program.interrupt();
    assert_eq!(program.ends_well(), "");
    assert_eq!(idle.read(&mut [0]).unwrap(), 0);
}

#[test]
fn an_address_that_is_taken_is_an_error() {
    let _watchdog = watchdog();
    let (_program, address) = server(&[]);
    let output = Program::start(KV, &["--listen", &address]).ends();
    let [_, errors] = texts(&output);
    assert!(
        errors.starts_with(&format!("error: cannot listen on {address}: ")),
        "{errors}"
    );
    assert_eq!(output.status.code(), Some(1));
}
