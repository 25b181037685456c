//! Generator, squarers, merger: goroutines joined by channels.
//!
//! ```text
//!                  numbers        squares
//!                 ┌───────▶ squarer ───────┐
//!      generator ─┼───────▶ squarer ───────┼─▶ merger
//!                 └───────▶ squarer ───────┘
//!                  fan-out         fan-in
//! ```
//!
//! All channels are bounded: a sender waits while its channel is full. The
//! merger is slow on purpose. So the channels fill up from the end to the
//! beginning, until the generator produces no faster than the merger takes:
//! back-pressure. However many numbers there are, only few are under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_channel::{Receiver, Sender, bounded};
use futures::StreamExt;
use futures::stream::select_all;

use super::workers::Workers;
use crate::Result;
use executor::time::sleep;

const NUMBERS: u64 = 100;
const SQUARERS: usize = 3;

/// How many items a channel holds: `make(chan int, 4)`.
const CAPACITY: usize = 4;

/// The most items that can be between generator and merger: a full channel of
/// numbers, full channels of squares, and one item in each task's hands.
const ROOM: usize = CAPACITY + SQUARERS * CAPACITY + (1 + SQUARERS + 1);

/// How long the merger takes over each item.
const MERGER_TAKES: Duration = Duration::from_millis(2);

/// Counts the items between generator and merger.
#[derive(Debug, Default)]
struct UnderWay {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl UnderWay {
    fn enter(&self) {
        // Ordering: Relaxed; only counts, the items themselves go through channels.
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
    }

    fn leave(&self) {
        self.now.fetch_sub(1, Ordering::Relaxed);
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }
}

async fn generate(numbers: Sender<u64>, under_way: Arc<UnderWay>) {
    for number in 1..=NUMBERS {
        under_way.enter();
        if numbers.send(number).await.is_err() {
            return; // nobody receives any more
        }
    }
    // `numbers` is dropped here, which closes the channel: close(numbers)
}

async fn square(numbers: Receiver<u64>, squares: Sender<u64>) {
    // for n := range numbers
    while let Ok(number) = numbers.recv().await {
        if squares.send(number * number).await.is_err() {
            return;
        }
    }
}

async fn merge(squares: Vec<Receiver<u64>>, under_way: Arc<UnderWay>) -> Vec<u64> {
    let mut merged = Vec::new();
    let mut squares = select_all(squares.into_iter().map(Box::pin));
    while let Some(square) = squares.next().await {
        sleep(MERGER_TAKES).await;
        under_way.leave();
        merged.push(square);
    }
    merged
}

pub fn main(workers: Workers) -> Result<()> {
    let under_way = Arc::new(UnderWay::default());
    let mut merged = workers.executor()?.block_on(async {
        let (to_squarers, numbers) = bounded(CAPACITY);
        executor::spawn(generate(to_squarers, Arc::clone(&under_way)));

        let mut squares = Vec::new();
        for _ in 0..SQUARERS {
            let (to_merger, from_squarer) = bounded(CAPACITY);
            executor::spawn(square(numbers.clone(), to_merger));
            squares.push(from_squarer);
        }

        executor::spawn(merge(squares, Arc::clone(&under_way))).await
    })?;

    println!("{} squares, in the order of their arrival:", merged.len());
    for row in merged.chunks(10) {
        let row: Vec<String> = row.iter().map(|square| format!("{square:5}")).collect();
        println!("{}", row.join(" "));
    }

    merged.sort_unstable();
    if !merged
        .iter()
        .copied()
        .eq((1..=NUMBERS).map(|number| number * number))
    {
        return Err("these are not the squares, each once".into());
    }
    println!(
        "sum of the squares: {} (each square came once)",
        merged.iter().sum::<u64>()
    );

    let most = under_way.most();
    println!("under way at once: at most {most} items; channels and tasks have room for {ROOM}");
    if most > ROOM {
        return Err("back-pressure did not hold".into());
    }
    println!("back-pressure held");
    Ok(())
}
