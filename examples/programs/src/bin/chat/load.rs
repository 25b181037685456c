//! Many members at once, who measure how long it takes until all have heard what one says.

use crate::{Options, PATIENCE, Result};
use async_tungstenite::{WebSocketReceiver, WebSocketSender, WebSocketStream};
use async_tungstenite::{client_async, tungstenite::Message};
use executor::{JoinSet, net::TcpStream, time::timeout};
use futures::{StreamExt, TryStreamExt, stream};
use std::{net::SocketAddr, process, sync::Arc, time::Duration, time::Instant, time::SystemTime};
use waitgroup::WaitGroup;

/// So many of them connect at once.
const AT_ONCE: usize = 64;

/// After this members leave.
const END: &str = "end";

pub async fn run(address: SocketAddr, options: Options) -> Result {
    let Options {
        members, speakers, ..
    } = options;
    let joining = stream::iter(0..members)
        .map(|_| join(address))
        .buffer_unordered(AT_ONCE);
    let sockets: Vec<_> = joining.try_collect().await?;
    println!("{members} members have joined");

    // In front of what these members say. What others say is not measured.
    let now = SystemTime::UNIX_EPOCH.elapsed()?.as_nanos();
    let run: Arc<str> = format!("load-{}-{now} ", process::id()).into();
    let rounds: Arc<[WaitGroup]> = (0..speakers).map(|_| WaitGroup::new()).collect();
    let (mut sinks, mut listening) = (Vec::new(), JoinSet::new());
    let begin = Instant::now();
    for socket in sockets {
        let (sink, hears) = socket.split();
        sinks.push(sink);
        listening.spawn(listen(hears, Arc::clone(&run), Arc::clone(&rounds), begin));
    }
    let mut speaking = JoinSet::new();
    let spoken = speakers.min(members);
    for (number, sink) in sinks.drain(..spoken).enumerate() {
        let speaker = Speaker {
            run: Arc::clone(&run),
            number,
            sink,
            begin,
            members,
        };
        let lasts = Duration::from_secs(options.seconds);
        speaking.spawn(speaker.speak(rounds[number].clone(), lasts));
    }
    let mut last = None;
    while let Some(ended) = speaking.join_next().await {
        last = Some(ended??);
    }
    let took = begin.elapsed();
    let mut last = last.ok_or("nobody speaks: both numbers must be at least 1")?;
    last.send(Message::text(format!("{run}{END}"))).await?;

    let mut delays = Vec::new();
    while let Some(ended) = listening.join_next().await {
        delays.append(&mut ended??);
    }
    delays.sort_unstable();
    let per_second = delays.len() as f64 / took.as_secs_f64();
    let percentile = |percent: usize| delays[(delays.len() - 1) * percent / 100];
    println!("{} deliveries, {per_second:.0} a second", delays.len());
    println!("median {:.1?}, p99 {:.1?}", percentile(50), percentile(99));
    Ok(())
}

async fn join(address: SocketAddr) -> Result<WebSocketStream<TcpStream>> {
    let connecting = async {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (socket, _) = client_async(format!("ws://{address}/"), stream).await?;
        Result::Ok(socket)
    };
    let joined = timeout(PATIENCE, connecting)
        .await
        .map_err(Into::into)
        .and_then(|joined| joined);
    joined.map_err(|error| format!("cannot join {address}: {error}").into())
}

/// A member who speaks.
struct Speaker {
    run: Arc<str>,
    number: usize,
    sink: WebSocketSender<TcpStream>,
    begin: Instant,
    members: usize,
}

impl Speaker {
    /// Says something again and again, each time when all have heard what was said before.
    async fn speak(
        mut self,
        round: WaitGroup,
        lasts: Duration,
    ) -> Result<WebSocketSender<TcpStream>> {
        while self.begin.elapsed() < lasts {
            round.add(self.members);
            let at = self.begin.elapsed().as_nanos();
            let text = format!("{}{} {at}", self.run, self.number);
            self.sink.send(Message::text(text)).await?;
            let heard = timeout(PATIENCE, round.wait()).await;
            heard.map_err(|_| format!("{} have not heard it", round.count()))?;
        }
        Ok(self.sink)
    }
}

/// Returns how long it took until each message was heard.
async fn listen(
    mut hears: WebSocketReceiver<TcpStream>,
    run: Arc<str>,
    rounds: Arc<[WaitGroup]>,
    begin: Instant,
) -> Result<Vec<Duration>> {
    let mut delays = Vec::new();
    while let Some(message) = hears.next().await {
        let message = message?;
        if let Message::Close(why) = message {
            return Err(format!("a member was shut out: {why:?}").into());
        }
        let said = message.to_text()?.split_once(": ");
        let Some(said) = said.and_then(|(_, said)| said.strip_prefix(&*run)) else {
            continue;
        };
        if said == END {
            return Ok(delays);
        }
        if let Some((speaker, at)) = said.split_once(' ')
            && let (Ok(speaker), Ok(at)) = (speaker.parse::<usize>(), at.parse())
            && let Some(round) = rounds.get(speaker)
        {
            delays.push(begin.elapsed().saturating_sub(Duration::from_nanos(at)));
            round.done();
        }
    }
    Err("the server has closed a connection".into())
}
