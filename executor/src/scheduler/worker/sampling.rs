//! Which polls are measured, for the histograms of `Metrics`: one of so many, by chance.
//!
//! Two readings of the clock cost as much as a short poll. So of short polls one of 488 is measured,
//! and of those that take longer than some ten microseconds about one in each millisecond: either
//! costs less than a thousandth. What is measured counts for as many as it was chosen from.
//!
//! That is unbiased: each poll is chosen with a probability that is known before the poll begins, and
//! counts by its inverse. The gaps between two that are chosen are geometric, so one gap can be given
//! up for another at any time, as at each look beyond the own queue. (The first poll after a look
//! will not do: that is one from the global queue, if there is any.)
//!
//! What is counted are attempts to find a task. One that finds none gives up its choice with it, so
//! that each poll has the chance of one attempt.
//!
//! Nothing of that is in the way of other polls: where one is chosen, the count of polls up to the
//! next look (`pace`) is cut in two.

use super::pace::{MOST_POLLS, Pace};
use crate::{scheduler::random::Generator, suspended::Registration, sync::clock};
use std::cell::Cell;

/// Of short polls, one of so many is measured: of eight looks' polls.
const SHORT: u32 = 488;

/// See the module's text.
pub(super) struct Sampling {
    /// Of how many polls one is measured, if somebody has chosen.
    every: Option<u32>,
    /// For how many the next poll stands, if it is to be measured.
    next: Cell<Option<u32>>,
    /// For how many the one stands at which the count of polls stops.
    stop: Cell<u32>,
    /// The task that is watched from this poll on, and for how many wake-ups its next one stands.
    begins_to_watch: Cell<Option<(u64, u32)>>,
    /// The chance that of short polls none is measured before the next look.
    none: f64,
    random: Generator,
}

/// A poll that is measured.
pub(super) struct Sample {
    began: u64,
    /// For how many it stands.
    pub(super) weight: u32,
}

impl Sample {
    /// How long the poll took, which is over now.
    pub(super) fn took(&self) -> u64 {
        clock::now().saturating_sub(self.began)
    }
}

impl Sampling {
    /// Of a worker with this number.
    pub(super) fn new(every: Option<u32>, worker: usize) -> Sampling {
        Sampling {
            every,
            next: Cell::new(None),
            stop: Cell::new(0),
            begins_to_watch: Cell::new(None),
            none: (1.0 - 1.0 / f64::from(SHORT)).powi(MOST_POLLS as i32),
            random: Generator::new(worker as u64),
        }
    }

    /// Whether the next poll is to be measured.
    pub(super) fn is_next(&self) -> bool {
        self.next.get().is_some()
    }

    /// After a look: chooses among the polls to come, up to the next one.
    pub(super) fn choose(&self, pace: &Pace) {
        // Random schedules must not depend on it.
        if !cfg!(shuttle) {
            self.sample_at(self.gap(pace), pace.ahead(), pace);
        }
    }

    /// The count of polls has come to one that is to be measured.
    pub(super) fn come_to_stop(&self, pace: &Pace) {
        let ahead = pace.go_on();
        self.next.set(Some(self.stop.get()));
        self.sample_at(1 + self.gap(pace), ahead, pace);
    }

    /// Chooses the next poll or not, where each of them asks.
    pub(super) fn choose_next(&self, pace: &Pace) {
        let of = self.one_of(pace);
        if !cfg!(shuttle) && u64::from(self.next_random()) * u64::from(of) < 1 << u32::BITS {
            self.next.set(Some(of));
        }
    }

    /// There is no next poll: nothing was found. To measure the first one after that, whenever it
    /// comes, would give it the chances of two.
    pub(super) fn forget_next(&self) {
        self.next.set(None);
    }

    /// A poll of the task with this registration begins, which may be one to measure.
    pub(super) fn begin(&self, registration: &Registration) -> Option<Sample> {
        let weight = self.next.take()?;
        registration.watch();
        self.begins_to_watch.set(Some((registration.id(), weight)));
        let began = clock::now();
        Some(Sample { began, weight })
    }

    /// If this task is watched from its present poll on: for how many wake-ups its next one stands.
    pub(super) fn begins_to_watch(&self, id: u64) -> Option<u32> {
        let (begins, weight) = self.begins_to_watch.take()?;
        (begins == id).then_some(weight)
    }

    /// Chooses the poll to come with this number, if it comes before the next look, and those after it
    /// by chance.
    fn sample_at(&self, mut number: u32, ahead: u32, pace: &Pace) {
        let of = self.one_of(pace);
        if number == 1 {
            self.next.set(Some(of));
            number += self.gap(pace);
        }
        if number <= ahead {
            self.stop.set(of);
            pace.stop_before(number);
        }
    }

    /// Of so many polls one is measured.
    fn one_of(&self, pace: &Pace) -> u32 {
        self.every
            .unwrap_or_else(|| pace.usual_polls().map_or(SHORT, |polls| polls.max(1)))
    }

    /// How far away the next poll is that is measured, by chance.
    fn gap(&self, pace: &Pace) -> u32 {
        let of = self.one_of(pace);
        if of == 1 {
            return 1;
        }
        let chance = (f64::from(self.next_random()) + 1.0) / (f64::from(u32::MAX) + 2.0);
        if of == SHORT && chance < self.none {
            // How far exactly, need not be known: the next look chooses anew.
            return MOST_POLLS + 1;
        }
        let gap = chance.ln() / (-1.0 / f64::from(of)).ln_1p();
        (gap as u32).saturating_add(1).min(u32::MAX / 2)
    }

    fn next_random(&self) -> u32 {
        (self.random.next() >> u32::BITS) as u32
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    /// The polls that are measured of so many, and for how many each stands.
    fn samples(every: Option<u32>, poll: u64, polls: u64) -> Vec<(u64, u32)> {
        let (sampling, pace) = (Sampling::new(every, 7), Pace::new());
        let mut samples = Vec::new();
        for number in 0..polls {
            if pace.count() {
                if pace.has_stopped() {
                    sampling.come_to_stop(&pace);
                } else {
                    pace.look(1 + number * poll);
                    sampling.choose(&pace);
                }
            }
            samples.extend(sampling.next.take().map(|weight| (number, weight)));
        }
        samples
    }

    fn estimate(samples: &[(u64, u32)]) -> u64 {
        samples.iter().map(|(_, weight)| u64::from(*weight)).sum()
    }

    #[test]
    fn of_short_polls_few_are_measured_and_count_for_all() {
        let polls = 1_000_000;
        let samples = samples(None, 50, polls);
        assert!((1_700..2_500).contains(&samples.len()), "{}", samples.len());
        assert!(estimate(&samples).abs_diff(polls) < polls / 8);
    }

    #[test]
    fn of_long_polls_one_in_a_millisecond_is_measured() {
        let samples = samples(None, 100_000, 10_000);
        assert!((800..1_200).contains(&samples.len()), "{}", samples.len());
        assert!(estimate(&samples).abs_diff(10_000) < 1_000);
        assert_eq!(super::tests::samples(None, 2_000_000, 100).len(), 100);
    }

    #[test]
    fn each_may_be_measured_if_somebody_wants_that() {
        for poll in [50, 100_000, 10_000_000] {
            let samples = samples(Some(1), poll, 1_000);
            assert_eq!(
                samples,
                (0..1_000).map(|poll| (poll, 1)).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn each_poll_between_two_looks_has_the_same_chance() {
        let looks = 61;
        let mut counts = vec![0_u32; looks];
        for (number, _) in samples(Some(10), 50, 1_000_000) {
            counts[number as usize % looks] += 1;
        }
        let mean = 1_000_000 / 10 / looks as u32;
        // Of so many, a tenth is four standard deviations.
        assert!(
            counts.iter().all(|&count| count.abs_diff(mean) < mean / 8),
            "{counts:?}"
        );
    }
}
