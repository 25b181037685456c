//! N while tasks run. It is the number of permits of `idle`; here is who changes it: the program,
//! and as long as that has not chosen a number, the monitor, as the number of `cores` changes.

use super::{config::Config, cores::Following};
use crate::{
    idle::pool::Pool,
    sync::{Instant, Mutex, lock},
};
use std::{io, sync::Arc};

/// Whether somebody has chosen N since the executor was started.
#[derive(Default)]
pub(crate) struct Workers {
    /// Locked while N changes, so that no change of the monitor's comes after one of the program's.
    are_chosen: Mutex<bool>,
}

impl Workers {
    /// Changes N; returns what it was. See `Handle::set_workers`.
    pub(crate) fn set<P: Pool>(
        &self,
        pool: &Arc<P>,
        config: &Config,
        n: usize,
    ) -> io::Result<usize> {
        if let Some(text) = objection(config, n) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let change = {
            let mut are_chosen = lock(&self.are_chosen);
            *are_chosen = true;
            pool.idle().set_permits(n)
        };
        let before = change.before;
        pool.permits_changed(change);
        Ok(before)
    }

    /// For the monitor: has N follow the cores, if it is time to. Returns whether that may be of use
    /// another time.
    pub(super) fn follow<P: Pool>(
        &self,
        pool: &Arc<P>,
        following: &mut Following,
        now: Instant,
    ) -> bool {
        if !following.is_due(now) {
            return true;
        }
        if *lock(&self.are_chosen) {
            return false;
        }
        if let Some(cores) = following.change(now) {
            let n = cores.clamp(1, pool.idle().max_machines());
            let change = {
                let are_chosen = lock(&self.are_chosen);
                (!*are_chosen).then(|| pool.idle().set_permits(n))
            };
            // Without the lock, for it may start a thread, or fail to and end the executor.
            change
                .into_iter()
                .for_each(|change| pool.permits_changed(change));
        }
        true
    }
}

/// Why N cannot be that, if so.
fn objection(config: &Config, n: usize) -> Option<String> {
    let most = config.max_machines;
    if !config.handoff {
        Some(format!(
            "`set_workers({n})`: an executor that was built with `handoff(false)` has the threads \
                 that it was started with; leave that out, or give it other `workers` from the start"
        ))
    } else if n == 0 {
        Some(
            "`set_workers(0)`: an executor needs at least one worker; to end it, drop the \
                 `Executor`"
                .into(),
        )
    } else if n > most {
        Some(format!(
            "`set_workers({n})`: the executor may have {most} threads; raise \
                 `Builder::max_threads`"
        ))
    } else {
        None
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use crate::{
        Executor, Handle,
        scheduler::{config::Config, cores::made_up},
        time::sleep,
    };
    use std::{
        sync::atomic::Ordering::SeqCst,
        thread,
        time::{Duration, Instant},
    };

    /// Waits until N is that; what this thread does meanwhile keeps the monitor awake.
    fn wait_for(own: &Handle, workers: usize) {
        let begin = Instant::now();
        while own.metrics().workers() != workers {
            assert!(begin.elapsed() < Duration::from_secs(20), "N follows");
            keep_awake(own, Duration::from_millis(50));
        }
    }

    fn keep_awake(own: &Handle, time: Duration) {
        let begin = Instant::now();
        while begin.elapsed() < time {
            own.block_on(own.spawn(async { sleep(Duration::from_millis(1)).await }))
                .unwrap();
        }
    }

    #[test]
    fn n_follows_the_cores_until_somebody_chooses_it() {
        let begin = Instant::now();
        let mut config = Config::default().resolve(Some(2), Some(5)).unwrap();
        config.cores = Some(made_up::cores());
        let executor = Executor::start(config).unwrap();
        let own = executor.handle();
        keep_awake(&own, Duration::from_millis(1100));
        assert_eq!(own.metrics().workers(), 2, "nothing has changed");
        made_up::CORES.store(4, SeqCst);
        wait_for(&own, 4);
        made_up::CORES.store(1, SeqCst);
        wait_for(&own, 1);
        made_up::CORES.store(100, SeqCst);
        wait_for(&own, 5);
        made_up::CORES.store(0, SeqCst);
        keep_awake(&own, Duration::from_millis(1100));
        assert_eq!(own.metrics().workers(), 5, "the system does not say");
        let asked = || made_up::ASKED.load(SeqCst) as u64;
        assert!(asked() <= begin.elapsed().as_secs(), "once a second");

        // The monitor needs some rounds to fall asleep. Then it asks no more.
        let is_silent = (0..10).any(|_| {
            thread::sleep(Duration::from_millis(200));
            let before = asked();
            thread::sleep(Duration::from_millis(1500));
            asked() == before
        });
        assert!(is_silent, "nobody asks for an executor that is idle");

        assert_eq!(own.set_workers(3).unwrap(), 5);
        made_up::CORES.store(2, SeqCst);
        keep_awake(&own, Duration::from_millis(1100));
        let before = asked();
        keep_awake(&own, Duration::from_millis(1100));
        assert_eq!(own.metrics().workers(), 3, "it was chosen");
        assert_eq!(asked(), before, "nobody asks in vain");
    }
}
