//! `kv` on tokio: the same store and protocol, and the same loop.

use crate::store::{Ended, Store};
use std::{io, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

pub async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("Listening on {}", listener.local_addr()?);
    let store = Arc::new(Store::default());
    loop {
        let (stream, _) = listener.accept().await?;
        let _ = stream.set_nodelay(true);
        let store = Arc::clone(&store);
        tokio::spawn(async move { client(stream, &store).await });
    }
}

async fn client(mut stream: TcpStream, store: &Store) -> io::Result<()> {
    let (mut input, mut filled, mut out) = (vec![0; 16 << 10], 0, Vec::new());
    loop {
        let read = stream.read(&mut input[filled..]).await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        let mut done = 0;
        loop {
            match store.execute(&input[done..filled], &mut out) {
                Ok(0) => break,
                Ok(executed) => done += executed,
                Err(Ended) => return stream.write_all(&out).await,
            }
            stream.write_all(&out).await?;
            out.clear();
        }
        input.copy_within(done..filled, 0);
        filled -= done;
        if filled == input.len() {
            input.resize(2 * filled, 0);
        }
    }
}
