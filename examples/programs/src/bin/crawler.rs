//! A crawler with a limit of pages at a time and a progress bar, and the site that it crawls.
//!
//! Its tasks are in a `JoinSet`, as goroutines in an errgroup: the first error drops the set, which
//! ends those that are left. What is still to be fetched is a queue in `main`, not a task each, so
//! nothing grows but the set of links that were seen, which is limited as well.

use clap::Parser;
use executor::{
    Handle, JoinSet,
    net::{TcpListener, TcpStream},
    signal::{Signal, Signals},
    spawn,
    time::{sleep, timeout},
};
use futures::{
    StreamExt,
    future::{Either, select},
};
use http_body_util::{BodyExt, Empty, Full, Limited};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client, server,
    service::service_fn,
};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    collections::{HashSet, VecDeque},
    convert::Infallible,
    error::Error,
    net::SocketAddr,
    pin::pin,
    process::ExitCode,
    time::{Duration, Instant},
};

/// How long a page may take, and how large it may be.
const PAGE_TAKES: Duration = Duration::from_secs(5);
const PAGE_BYTES: usize = 64 << 10;

type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Crawls a site of its own
#[derive(Debug, Parser)]
struct Options {
    /// Pages of the site
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pages: u32,

    /// Pages that are fetched at a time
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,

    /// The number of a page that does not work
    #[arg(long, value_name = "PAGE")]
    broken: Option<usize>,
}

#[executor::main]
async fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let mut interrupts = Signals::new([Signal::Int])?;
    let bar = ProgressBar::new(1).with_style(ProgressStyle::with_template(
        "{bar:40} {pos}/{len} pages, {per_sec}",
    )?);
    let begin = Instant::now();
    let crawled = match select(pin!(crawl_own_site(&options, &bar)), interrupts.next()).await {
        Either::Left((crawled, _)) => Some(crawled),
        Either::Right((Some(Err(error)), _)) => Some(Err(error.into())),
        Either::Right(_) => None,
    };
    let (pages, time) = (bar.position(), begin.elapsed());
    bar.finish_and_clear(); // at its full length
    Ok(match crawled {
        Some(Ok(bytes)) => {
            println!("{pages} pages with {bytes} bytes in {time:.1?}");
            ExitCode::SUCCESS
        }
        Some(Err(error)) => {
            eprintln!("error: {error}, after {pages} pages");
            ExitCode::FAILURE
        }
        None => {
            eprintln!("interrupted after {pages} pages");
            ExitCode::from(130) // as shells show it
        }
    })
}

async fn crawl_own_site(options: &Options, bar: &ProgressBar) -> Result<usize> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let site = listener.local_addr()?;
    println!("The site is at http://{site}/0");
    let (pages, broken) = (options.pages as usize, options.broken);
    let _server = spawn(serve(listener, pages, broken)).abort_on_drop();
    crawl(site, options.concurrency.into(), pages, bar).await
}

/// Fetches the page `/0` and all that it leads to, at most so many. Returns how many bytes there were.
async fn crawl(
    site: SocketAddr,
    concurrency: usize,
    most: usize,
    bar: &ProgressBar,
) -> Result<usize> {
    let mut seen = HashSet::from([String::from("/0")]);
    let mut waiting: VecDeque<_> = seen.iter().cloned().collect();
    let mut fetches = JoinSet::new(); // dropped at the first error, which ends those that are left
    let mut bytes = 0;
    loop {
        while fetches.len() < concurrency
            && let Some(path) = waiting.pop_front()
        {
            fetches.spawn(fetch_in_time(site, path));
        }
        let Some(fetched) = fetches.join_next().await else {
            return Ok(bytes);
        };
        let page = fetched??;
        bytes += page.len();
        for link in links(&page) {
            if seen.len() < most && seen.insert(link.to_owned()) {
                waiting.push_back(link.to_owned());
            }
        }
        bar.set_length(seen.len() as u64);
        bar.inc(1);
    }
}

/// The paths that a page links to.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let tails = page.split("href=\"").skip(1);
    tails
        .filter_map(|tail| tail.split_once('"'))
        .map(|(link, _)| link)
}

async fn fetch_in_time(site: SocketAddr, path: String) -> Result<String> {
    let fetched = timeout(PAGE_TAKES, fetch(site, &path)).await;
    let fetched = fetched.unwrap_or_else(|_| Err("it takes too long".into()));
    fetched.map_err(|error| format!("{path}: {error}").into())
}

async fn fetch(site: SocketAddr, path: &str) -> Result<String> {
    let stream = TcpStream::connect(site).await?;
    let (mut client, connection) = client::conn::http1::handshake(stream).await?;
    // It ends with this task, also if that is aborted.
    let _connection = spawn(connection).abort_on_drop();
    let request = Request::get(path).header("Host", site.to_string());
    let response = client
        .send_request(request.body(Empty::<Bytes>::new())?)
        .await?;
    if response.status() != StatusCode::OK {
        return Err(response.status().to_string().into());
    }
    let body = Limited::new(response.into_body(), PAGE_BYTES)
        .collect()
        .await?;
    Ok(String::from_utf8(body.to_bytes().into())?)
}

/// The site: page `n` links to `2n + 1` and `2n + 2`, so that all are below page 0.
async fn serve(listener: TcpListener, pages: usize, broken: Option<usize>) {
    let answer = move |request: Request<Incoming>| async move {
        sleep(Duration::from_millis(2)).await; // what a crawler waits for
        let path = request.uri().path().trim_start_matches('/');
        let page = path.parse().ok().filter(|&page: &usize| page < pages);
        let (status, text) = match page {
            None => (StatusCode::NOT_FOUND, String::new()),
            Some(page) if Some(page) == broken => {
                (StatusCode::INTERNAL_SERVER_ERROR, String::new())
            }
            Some(page) => {
                let links = (2 * page + 1..=2 * page + 2).filter(|&link| link < pages);
                let links = links.map(|link| format!("<a href=\"/{link}\">{link}</a>"));
                (
                    StatusCode::OK,
                    format!("<h1>Page {page}</h1>{}", links.collect::<String>()),
                )
            }
        };
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        Ok::<_, Infallible>(response)
    };
    let mut incoming = listener.incoming();
    while let Some(Ok(stream)) = incoming.next().await {
        let mut connection = server::conn::http1::Builder::new();
        connection.timer(Handle::current());
        // A client that goes is no fault of the site.
        spawn(async move {
            _ = connection
                .serve_connection(stream, service_fn(answer))
                .await
        });
    }
}
