//! The servers of the rows with sockets, written once for every Rust runtime; Go's are in `go/`.
//!
//! A process serves what it is asked to, and tells what it has used: what loads it is a process of
//! its own, `load`.

mod echo;
mod http;
mod net;
#[cfg(feature = "executor-net")]
mod ours;
#[cfg(feature = "smol-net")]
mod smol;
#[cfg(feature = "tokio-net")]
mod tokio;

pub use self::net::{Datagrams, Listener, Net, Stream};

use crate::open_files;
use cpu_time::ProcessTime;
use std::{
    env,
    future::Future,
    io,
    net::{Ipv4Addr, TcpListener, UdpSocket},
    os::unix::net::UnixListener,
    process,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Begins to serve on a started runtime, from a thread that it does not know: the address.
///
/// A server goes on as long as the process. The name of the one on a Unix socket is for who has
/// connected to remove.
///
/// # Errors
///
/// If the service is unknown, or the system refuses the socket.
pub fn serve<R: Net>(service: &str) -> Result<String, String> {
    begin::<R>(service).map_err(|error| format!("'{service}' cannot be served: {error}"))
}

fn begin<R: Net>(service: &str) -> io::Result<String> {
    open_files::raise_limit()?;
    let localhost = (Ipv4Addr::LOCALHOST, 0);
    match service {
        "udp" => {
            let socket = UdpSocket::bind(localhost)?;
            let address = socket.local_addr()?.to_string();
            go_on::<R, _>(async move { echo::datagrams(R::udp(socket)?).await });
            Ok(address)
        }
        "unix" => {
            // Relaxed: it counts.
            static NAMES: AtomicUsize = AtomicUsize::new(0);
            let number = NAMES.fetch_add(1, Ordering::Relaxed);
            let name = format!("benches-{}-{number}.sock", process::id());
            let path = env::temp_dir().join(name);
            let listener = UnixListener::bind(&path)?;
            go_on::<R, _>(async move { echo::streams::<R, _>(R::unix(listener)?).await });
            Ok(path.display().to_string())
        }
        _ => {
            let listener = TcpListener::bind(localhost)?;
            let address = listener.local_addr()?.to_string();
            match service {
                "http" => go_on::<R, _>(async { http::serve::<R>(R::tcp(listener)?).await }),
                "echo" => go_on::<R, _>(async { echo::streams::<R, _>(R::tcp(listener)?).await }),
                "echo-small" => {
                    go_on::<R, _>(async { echo::small::<R, _>(R::tcp(listener)?).await });
                }
                _ => return Err(io::Error::other("there is no such service")),
            }
            Ok(address)
        }
    }
}

/// Lets a task serve, whose end is an error.
fn go_on<R, F>(server: F)
where
    R: Net,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    R::spawn_outside(async {
        let end = server.await;
        panic!("the server ended: {end:?}");
    });
}

/// The CPU time that the process has used so far, in microseconds.
///
/// # Errors
///
/// If this system does not tell.
pub fn cpu_micros() -> Result<f64, String> {
    ProcessTime::try_now()
        .map(|cpu| cpu.as_duration().as_nanos() as f64 / 1e3)
        .map_err(|error| format!("the CPU time is not known: {error}"))
}

/// The resident bytes of the process. To count them takes some time itself.
///
/// # Errors
///
/// If this system does not tell.
pub fn resident() -> Result<f64, String> {
    memory_stats::memory_stats()
        .map(|stats| stats.physical_mem as f64)
        .ok_or_else(|| "the resident memory is not known on this system".to_owned())
}
