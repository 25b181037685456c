//! `crawler` fetches each page once, and an error or Ctrl-C ends it at once.

mod common;

use common::{Program, texts, watchdog};
use std::time::{Duration, Instant};

const CRAWLER: &str = env!("CARGO_BIN_EXE_crawler");

#[test]
fn each_page_is_fetched_once() {
    let _watchdog = watchdog();
    for arguments in [&["--pages=100"][..], &["--pages=300", "--concurrency=1"]] {
        let mut program = Program::start(CRAWLER, arguments);
        program.line_after("The site is at http://127.0.0.1:");
        let (_, pages) = arguments[0].split_once('=').unwrap();
        let printed = program.ends_well();
        assert!(
            printed.starts_with(&format!("{pages} pages with ")),
            "{printed}"
        );
    }
}

#[test]
fn a_page_that_fails_ends_the_rest() {
    let _watchdog = watchdog();
    let broken = |concurrency| {
        let arguments = ["--pages=1000000", "--broken=50", concurrency];
        let output = Program::start(CRAWLER, &arguments).ends();
        assert_eq!(output.status.code(), Some(1));
        let [_, errors] = texts(&output);
        let error = "error: /50: 500 Internal Server Error, after ";
        let pages = errors
            .strip_prefix(error)
            .unwrap_or_else(|| panic!("{errors}"));
        let pages: usize = pages.strip_suffix(" pages\n").unwrap().parse().unwrap();
        pages
    };
    assert!((1..1000).contains(&broken("--concurrency=32")));
    // From 0 to 49, one after the other.
    assert_eq!(broken("--concurrency=1"), 50);
}

#[test]
fn ctrl_c_ends_it() {
    let _watchdog = watchdog();
    let mut program = Program::start(CRAWLER, &["--pages=10000000"]);
    let address = program.line_after("The site is at http://");
    std::net::TcpStream::connect(address.trim_end_matches("/0")).expect("it serves");
    let begin = Instant::now();
    program.interrupt();
    let output = program.ends();
    let [_, errors] = texts(&output);
    assert!(errors.starts_with("interrupted after "), "{errors}");
    assert_eq!(output.status.code(), Some(130));
    assert!(begin.elapsed() < Duration::from_secs(30));
}
