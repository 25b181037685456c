//! A child process, without a thread that waits for it: its pipes are `Async`, and so is its pidfd,
//! which is readable once the process has ended.
//!
//! `cargo run -p executor --features net --example child_process`

#[cfg(target_os = "linux")]
fn main() -> std::io::Result<()> {
    executor::block_on(linux::main())
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("pidfds are Linux's; elsewhere, wait for a child by `spawn_blocking`");
}

#[cfg(target_os = "linux")]
mod linux {
    use executor::{
        net::Async,
        time::{sleep, timeout},
    };
    use futures::{AsyncReadExt, AsyncWriteExt};
    use std::{
        io,
        os::fd::{FromRawFd, OwnedFd},
        process::{Child, Command, ExitStatus, Stdio},
        time::Duration,
    };

    pub async fn main() -> io::Result<()> {
        sorts().await?;
        is_killed().await
    }

    /// Writes to a child while reading from it, so that neither waits for the other for ever.
    async fn sorts() -> io::Result<()> {
        let mut child = Command::new("sort")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut stdin = Async::new(child.stdin.take().expect("it is piped"))?;
        let mut stdout = Async::new(child.stdout.take().expect("it is piped"))?;
        let write = executor::spawn(async move {
            stdin.write_all(b"goroutines\nfor\nRust\n").await
            // Dropped here: the child reads to the end.
        });
        let mut sorted = String::new();
        stdout.read_to_string(&mut sorted).await?;
        write.await??;
        let status = wait(&mut child).await?;
        println!("{status}: {}", sorted.trim_end().replace('\n', " "));
        Ok(())
    }

    /// Gives a child some time, and no more.
    async fn is_killed() -> io::Result<()> {
        let mut child = Command::new("sleep").arg("1000").spawn()?;
        let (ticks, status) = futures::join!(ticks(), async {
            match timeout(Duration::from_millis(50), wait(&mut child)).await {
                Ok(status) => status,
                // The wait was dropped, and nothing is lost: the next one begins anew.
                Err(_) => {
                    child.kill()?;
                    wait(&mut child).await
                }
            }
        });
        println!("{}, after {ticks} ticks", status?);
        Ok(())
    }

    /// Goes on meanwhile.
    async fn ticks() -> usize {
        for _ in 0..5 {
            sleep(Duration::from_millis(10)).await;
        }
        5
    }

    /// Waits until the child has ended.
    async fn wait(child: &mut Child) -> io::Result<ExitStatus> {
        Async::new(pidfd(child)?)?.readable().await?;
        // It has ended, so this returns at once.
        child.wait()
    }

    fn pidfd(child: &Child) -> io::Result<OwnedFd> {
        // SAFETY: takes numbers. Nobody has waited for the child, so its number is its own.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, child.id(), 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new descriptor, which nobody else has.
        Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
    }
}
