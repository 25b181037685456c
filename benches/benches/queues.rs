//! The bare queues, on numbers instead of tasks: `cargo bench -p benches --bench queues`.
//!
//! They are private to `executor`, so this includes their source: what is measured is the code that
//! ships, and nothing else gets at it.

#[allow(dead_code, unused_imports)]
#[path = "../../executor/src/queue/mod.rs"]
mod queue;
#[allow(dead_code, unused_imports)]
#[path = "../../executor/src/sync/mod.rs"]
mod sync;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use queue::{
    Word,
    global::GlobalQueue,
    local::{CAPACITY, LocalQueue, Stealer, local_queue},
    next_slot::NextSlot,
};
use std::{collections::VecDeque, hint::black_box, ptr::NonNull};

/// Operations in a measured round: the local queue has room for them.
const ROUND: usize = 200;

/// An integer above zero dressed as a pointer.
struct Number(NonNull<()>);

impl Number {
    fn new(number: usize) -> Number {
        let pointer = std::ptr::without_provenance_mut(number + 1);
        Number(NonNull::new(pointer).expect("above zero"))
    }
}

// SAFETY: nothing is owned, and the address says all.
unsafe impl Send for Number {}

// SAFETY: the pointer is handed through as it is; nothing is owned.
unsafe impl Word for Number {
    fn into_raw(self) -> NonNull<()> {
        self.0
    }

    unsafe fn from_raw(raw: NonNull<()>) -> Number {
        Number(raw)
    }
}

type Local = (LocalQueue<Number>, Stealer<Number>);

fn filled() -> Local {
    let local = local_queue();
    fill(&local.0);
    local
}

fn fill(owner: &LocalQueue<Number>) {
    (0..ROUND).for_each(|i| {
        owner.push(Number::new(i), |_| unreachable!("there is room"));
    });
}

fn drain(owner: &LocalQueue<Number>) {
    while let Some(number) = owner.pop() {
        black_box(number);
    }
}

fn bare_queues(c: &mut Criterion) {
    let mut group = c.benchmark_group("queue");
    group.throughput(Throughput::Elements(ROUND as u64));
    group.bench_function("next slot, put and take", |bencher| {
        let slot = NextSlot::new();
        bencher.iter(|| {
            for i in 0..ROUND {
                black_box(slot.put(Number::new(i)));
                black_box(slot.take());
            }
        });
    });
    group.bench_function("local queue, push and pop", |bencher| {
        let (owner, _stealer): Local = local_queue();
        bencher.iter(|| {
            fill(&owner);
            drain(&owner);
        });
    });
    group.bench_function("local queue, overflow of half", |bencher| {
        let (owner, _stealer): Local = local_queue();
        bencher.iter(|| {
            for i in 0..ROUND {
                owner.push(Number::new(i), |numbers| {
                    black_box(numbers);
                });
            }
        });
        drain(&owner);
    });
    group.bench_function("steal half, then the half of that, and so on", |bencher| {
        let (thief, _): Local = local_queue();
        bencher.iter_batched_ref(
            filled,
            |(_, victim)| {
                while let Some((number, _)) = victim.steal_into(&thief) {
                    black_box(number);
                    drain(&thief);
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("steal one", |bencher| {
        bencher.iter_batched_ref(
            filled,
            |(_, victim)| {
                while let Some(number) = victim.steal_one() {
                    black_box(number);
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function(
        "global queue, push and pop a batch of half a local queue",
        |bencher| {
            let global = GlobalQueue::new();
            let (local, _stealer): Local = local_queue();
            let numbers = || (0..CAPACITY / 2).map(Number::new).collect::<VecDeque<_>>();
            bencher.iter(|| {
                assert!(global.push_batch(numbers().into()).is_ok());
                black_box(global.pop_share(2, &local));
                drain(&local);
            });
        },
    );
    group.bench_function("global queue, push and pop", |bencher| {
        let global = GlobalQueue::new();
        bencher.iter(|| {
            (0..ROUND).for_each(|i| assert!(global.push(Number::new(i)).is_ok()));
            (0..ROUND).for_each(|_| {
                black_box(global.pop());
            });
        });
    });
    group.finish();
}

criterion_group!(benches, bare_queues);
criterion_main!(benches);
