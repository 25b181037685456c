//! `primes` counts right, whichever of its processes is killed, and whenever.

mod common;
mod redis_server;

use common::{Program, texts, wait_until, watchdog};
use redis::{Commands, Connection, streams::StreamInfoConsumersReply};
use redis_server::{RedisServer, free_port};
use std::{io::Write, net::TcpListener, sync::Mutex, thread};

const PRIMES: &str = env!("CARGO_BIN_EXE_primes");

/// Some seconds on two cores.
const LIMIT: &str = if cfg!(debug_assertions) {
    "100000000"
} else {
    "10000000000"
};
const PRIMES_UP_TO_LIMIT: &str = if cfg!(debug_assertions) {
    "5761455"
} else {
    "455052511"
};

/// Each of these has all cores busy.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn coordinator(server: &RedisServer) -> Program {
    Program::start(PRIMES, &["--via", &server.url, "--up-to", LIMIT])
}

/// A worker that works, and its name.
fn worker(server: &RedisServer) -> (Program, String) {
    let arguments = ["--via", &server.url, "--work", "--claim-after", "1"];
    let mut program = Program::start(PRIMES, &arguments);
    let line = program.line();
    let name = line.strip_suffix(" works").expect("it says so");
    (program, name.to_owned())
}

/// How many jobs are done, and how many there are.
fn progress(redis: &mut Connection) -> (usize, usize) {
    let done = redis.hlen("{primes}:counts").unwrap();
    let jobs: Option<usize> = redis.hget("{primes}:plan", "jobs").unwrap();
    (done, jobs.unwrap_or(usize::MAX))
}

/// How many jobs that worker has taken and not acknowledged.
fn under_way(redis: &mut Connection, name: &str) -> usize {
    let reply: StreamInfoConsumersReply = redis.xinfo_consumers("{primes}:jobs", "primes").unwrap();
    let worker = reply.consumers.iter().find(|worker| worker.name == name);
    worker.map_or(0, |worker| worker.pending)
}

/// Kills a worker in the midst of a job.
fn kill_at_work(redis: &mut Connection, (program, name): (Program, String)) {
    wait_until("it is at work", || {
        program.signal(libc::SIGSTOP);
        let caught = under_way(redis, &name) > 0;
        if !caught {
            program.signal(libc::SIGCONT);
        }
        caught
    });
    let (done, jobs) = progress(redis);
    assert!(
        done < jobs,
        "all {jobs} jobs are done, before a worker was killed"
    );
    program.signal(libc::SIGKILL);
}

fn wait_for_another_job(redis: &mut Connection) {
    let (before, _) = progress(redis);
    wait_until("one more job is done", || progress(redis).0 > before);
}

/// Checks that each job is some worker's, once.
#[track_caller]
fn assert_counted_once(printed: &str, jobs: usize) {
    let mut lines = printed.lines();
    let count = format!("{PRIMES_UP_TO_LIMIT} primes up to {LIMIT}");
    assert_eq!(lines.next(), Some(&*count));
    let done_by_each = lines.map(|line| {
        let (_, rest) = line.split_once(": ").expect("a worker");
        let (done, rest) = rest.split_once(' ').expect("its jobs");
        assert!(rest.starts_with("jobs done, "), "{rest}");
        done.parse::<usize>().unwrap()
    });
    assert_eq!(done_by_each.sum::<usize>(), jobs);
}

#[test]
fn whoever_is_killed_in_the_midst_nothing_is_lost_or_counted_twice() {
    let _watchdog = watchdog();
    let _alone = ONE_AT_A_TIME.lock();
    let server = RedisServer::start();
    let redis = &mut server.connection();
    let coordinating = coordinator(&server);
    let (first, second) = (worker(&server), worker(&server));

    wait_for_another_job(redis);
    let (_, jobs) = progress(redis);
    kill_at_work(redis, first);
    wait_for_another_job(redis);
    coordinating.signal(libc::SIGKILL);
    drop(coordinating);
    wait_for_another_job(redis);
    kill_at_work(redis, second);
    let (third, _) = worker(&server);
    wait_for_another_job(redis);
    let coordinating = coordinator(&server);

    assert_counted_once(&coordinating.ends_well(), jobs);
    third.ends_well();
    assert!(!redis.exists::<_, bool>("{primes}:counts").unwrap());
}

#[test]
fn workers_wait_for_a_coordinator_and_ctrl_c_ends_their_last_jobs() {
    let _watchdog = watchdog();
    let _alone = ONE_AT_A_TIME.lock();
    let server = RedisServer::start();
    let redis = &mut server.connection();
    let (waiting, _) = worker(&server);
    waiting.interrupt();
    let output = waiting.ends();
    assert_eq!(output.status.code(), Some(0), "{:?}", texts(&output));

    let ((stays, _), (leaves, name)) = (worker(&server), worker(&server));
    let coordinating = coordinator(&server);
    wait_until("it is at work", || {
        progress(redis).0 > 0 && under_way(redis, &name) > 0
    });
    leaves.interrupt();
    let output = leaves.ends();
    assert_eq!(output.status.code(), Some(0), "{:?}", texts(&output));
    let (done, jobs) = progress(redis);
    if done < jobs {
        assert_eq!(under_way(redis, &name), 0);
    }
    assert_counted_once(&coordinating.ends_well(), jobs);
    stays.ends_well();
}

#[test]
fn all_who_coordinate_the_same_print_the_count() {
    let _watchdog = watchdog();
    let server = RedisServer::start();
    let coordinate = || Program::start(PRIMES, &["--via", &server.url, "--up-to", "1000"]);
    let coordinating = [coordinate(), coordinate(), coordinate()];
    let redis = &mut server.connection();
    wait_until("all of them watch", || {
        let clients: String = redis::cmd("CLIENT").arg("LIST").query(redis).unwrap();
        clients.matches("cmd=xinfo").count() == coordinating.len()
    });
    let (worker, _) = worker(&server);
    for coordinator in coordinating {
        assert!(
            coordinator
                .ends_well()
                .starts_with("168 primes up to 1000\n")
        );
    }
    worker.ends_well();
}

#[test]
fn a_second_limit_is_refused_while_the_first_is_counted() {
    let _watchdog = watchdog();
    let server = RedisServer::start();
    let first = coordinator(&server);
    let redis = &mut server.connection();
    wait_until("there is a plan", || progress(redis).1 < usize::MAX);
    let second = Program::start(PRIMES, &["--via", &server.url, "--up-to", "1000"]);
    let output = second.ends();
    let [_, errors] = texts(&output);
    assert!(
        errors.contains(&format!("counting up to {LIMIT}")),
        "{errors}"
    );
    assert!(errors.contains("redis-cli DEL {primes}:plan"), "{errors}");
    assert_eq!(output.status.code(), Some(1));

    // The way out that it names.
    let _: () = redis.del("{primes}:plan").unwrap();
    let output = first.ends();
    assert!(texts(&output)[1].contains("removed the plan"));
    let second = Program::start(PRIMES, &["--via", &server.url, "--up-to", "1000"]);
    let (worker, _) = worker(&server);
    assert!(second.ends_well().starts_with("168 primes up to 1000\n"));
    worker.ends_well();
}

#[test]
fn without_a_server_it_says_how_to_get_one() {
    let _watchdog = watchdog();
    let url = format!("redis://127.0.0.1:{}", free_port());
    let output = Program::start(PRIMES, &["--via", &url, "--work"]).ends();
    let [_, errors] = texts(&output);
    assert!(errors.contains("no Redis server at 127.0.0.1"), "{errors}");
    assert!(errors.contains("apt-get install redis-server"), "{errors}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_server_that_is_not_rediss_is_named() {
    let _watchdog = watchdog();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap();
    });
    let url = format!("redis://{address}");
    // A limit as people write it.
    let output = Program::start(PRIMES, &["--via", &url, "--up-to", "900_000_000_000"]).ends();
    let [_, errors] = texts(&output);
    let error = format!("error: {address} does not answer as Redis does: ");
    assert!(errors.starts_with(&error), "{errors}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_url_that_is_not_rediss_is_refused() {
    let _watchdog = watchdog();
    let output = Program::start(PRIMES, &["--via", "http://127.0.0.1", "--work"]).ends();
    let [_, errors] = texts(&output);
    assert!(errors.contains("--via <URL>"), "{errors}");
    assert_eq!(output.status.code(), Some(2));
}
