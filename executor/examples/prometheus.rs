//! A page for Prometheus: what the default executor has counted and measured, as text.
//!
//! `cargo run -p executor --features net --example prometheus` serves it for a moment, fetches it
//! once, and prints it. With an address it goes on:
//!
//! ```sh
//! cargo run -p executor --features net --example prometheus -- 127.0.0.1:9090
//! ```
//!
//! The format: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use executor::{
    Handle, Histogram, Metrics,
    net::{TcpListener, TcpStream},
    time::sleep,
};
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use std::{env, error::Error, fmt::Write, time::Duration};

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let address = env::args().nth(1);
    executor::block_on(async {
        drop(executor::spawn(work()));
        let once = address.is_none();
        let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:0")).await?;
        let local = listener.local_addr()?;
        let server = executor::spawn(serve(listener));
        if !once {
            println!("http://{local}/metrics");
            server.await?;
        }
        // Something is to be measured.
        sleep(Duration::from_millis(100)).await;
        println!("{}", fetch(TcpStream::connect(local).await?).await?);
        Ok(())
    })
}

/// Something to look at.
async fn work() {
    loop {
        let tasks: Vec<_> = (0..100)
            .map(|_| executor::spawn(executor::yield_now()))
            .collect();
        for task in tasks {
            let _ = task.await;
        }
        sleep(Duration::from_millis(1)).await;
    }
}

async fn serve(listener: TcpListener) {
    let mut incoming = listener.incoming();
    while let Some(stream) = incoming.next().await {
        if let Ok(stream) = stream {
            // Whoever hangs up gets no page.
            drop(executor::spawn(answer(stream)));
        }
    }
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    // Whatever is asked for, there is one page.
    let mut request = [0; 4096];
    let mut len = 0;
    while len < request.len() && !request[..len].windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut request[len..]).await? {
            0 => return Ok(()),
            more => len += more,
        }
    }
    let page = page(&Handle::current().metrics());
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        page.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(page.as_bytes()).await?;
    stream.close().await
}

async fn fetch(mut stream: TcpStream) -> std::io::Result<String> {
    let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

fn page(metrics: &Metrics) -> String {
    let mut page = String::new();
    let mut number = |kind: &str, name: &str, help: &str, value: f64| {
        let _ = writeln!(page, "# HELP executor_{name} {help}");
        let _ = writeln!(page, "# TYPE executor_{name} {kind}");
        let _ = writeln!(page, "executor_{name} {value}");
    };
    number(
        "gauge",
        "workers",
        "Tasks that may be polled at once.",
        metrics.workers() as f64,
    );
    number(
        "gauge",
        "threads",
        "Threads that run tasks.",
        metrics.threads() as f64,
    );
    number(
        "gauge",
        "tasks",
        "Tasks that have not ended.",
        metrics.alive_tasks() as f64,
    );
    number(
        "counter",
        "spawned_total",
        "Tasks so far.",
        metrics.spawned_tasks() as f64,
    );
    number(
        "counter",
        "handoffs_total",
        "Permits that went on.",
        metrics.handoffs() as f64,
    );
    let busy: Duration = metrics.processors().iter().map(|p| p.busy_time()).sum();
    number(
        "counter",
        "busy_seconds_total",
        "Time in which threads were awake.",
        busy.as_secs_f64(),
    );
    histogram(
        &mut page,
        "poll_seconds",
        "How long polls take.",
        &metrics.poll_times(),
    );
    histogram(
        &mut page,
        "wake_latency_seconds",
        "How long woken tasks wait until they are polled.",
        &metrics.wake_latencies(),
    );
    page
}

fn histogram(page: &mut String, name: &str, help: &str, times: &Histogram) {
    let _ = writeln!(page, "# HELP executor_{name} {help}");
    let _ = writeln!(page, "# TYPE executor_{name} histogram");
    // The same bounds each time, as Prometheus wants it: from a microsecond on, by fours.
    let bounds = (0..13).map(|power| Duration::from_micros(1 << (2 * power)));
    for bound in bounds {
        let below = times
            .buckets()
            .take_while(|bucket| *bucket.times().end() <= bound);
        let count: u64 = below.map(|bucket| bucket.count()).sum();
        let bound = bound.as_secs_f64();
        let _ = writeln!(page, "executor_{name}_bucket{{le=\"{bound}\"}} {count}");
    }
    let count = times.count();
    let _ = writeln!(page, "executor_{name}_bucket{{le=\"+Inf\"}} {count}");
    let _ = writeln!(page, "executor_{name}_sum {}", times.sum().as_secs_f64());
    let _ = writeln!(page, "executor_{name}_count {count}");
}
