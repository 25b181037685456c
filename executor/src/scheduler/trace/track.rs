//! A track is read: which polls there are, of which tasks, and who woke and spawned whom.

use super::{
    Track,
    event::{Ending, Event, Kind},
};
use crate::scheduler::task_id::TaskId;
use std::{collections::VecDeque, iter};

/// What comes in a track.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'a> {
    /// A poll that is over, or of which this is known: it is told when it ends, and those without an
    /// end come last.
    Polled {
        id: TaskId,
        from: u64,
        /// `None`: it has not ended.
        to: Option<(u64, Ending)>,
        /// Its beginning was overwritten, or came before the recording.
        is_cut: bool,
        /// It is not of a task, but of a call of `block_on`.
        is_call: bool,
    },
    Spawns {
        id: TaskId,
        at: u64,
        by: Option<TaskId>,
    },
    Woken {
        id: TaskId,
        at: u64,
        by: By,
    },
    Other(&'a Event),
}

/// Who wakes a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    Task(TaskId),
    /// A timer, or a socket.
    Outside,
    /// A thread that is no worker.
    Thread,
}

/// What makes a task runnable, or its poll that comes of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn<T> {
    pub(super) id: TaskId,
    pub(super) at: u64,
    pub(super) is_poll: bool,
    pub(super) what: T,
}

/// Puts them in order: by task, and by time. Of those of one task at one time, as in a simulation
/// all may be, each poll comes after what has led to it.
pub(super) fn put_in_turn<T>(turns: Vec<Turn<T>>) -> Vec<Turn<T>> {
    let mut turns = turns;
    turns.sort_by_key(|turn| (turn.id, turn.at));
    let mut ordered: Vec<Turn<T>> = Vec::with_capacity(turns.len());
    let mut turns = turns.into_iter().peekable();
    while let Some(first) = turns.next() {
        let when = (first.id, first.at);
        let last = ordered.last().filter(|last| last.id == first.id);
        let mut is_runnable = last.is_some_and(|last| !last.is_poll);
        let (mut causes, mut polls) = (VecDeque::new(), VecDeque::new());
        let others = iter::from_fn(|| turns.next_if(|turn| (turn.id, turn.at) == when));
        for turn in iter::once(first).chain(others) {
            let queue = if turn.is_poll {
                &mut polls
            } else {
                &mut causes
            };
            queue.push_back(turn);
        }
        while let Some(next) = {
            let (wanted, other) = match is_runnable {
                true => (&mut polls, &mut causes),
                false => (&mut causes, &mut polls),
            };
            wanted.pop_front().or_else(|| other.pop_front())
        } {
            is_runnable = !next.is_poll;
            ordered.push(next);
        }
    }
    ordered
}

impl Track {
    /// Whether the poll that comes of what happens here at this time is in the trace, if there was one:
    /// else it may be among those that were overwritten, on any track, and the next one that is left
    /// came of something else.
    pub(super) fn is_poll_kept(&self, at: u64) -> bool {
        self.all_known_from.is_none_or(|known_from| known_from < at)
    }

    /// Calls `see` with each step. A task that is woken outside of polls was woken by the task that was
    /// polled last, as that ended, or yielded; unless timers and sockets have been looked at since.
    ///
    /// Those of other threads may be mixed up, so that nothing is known of what there was inside of what.
    pub(super) fn steps<'a>(&'a self, mut see: impl FnMut(Step<'a>)) {
        // Polls that have begun, the innermost last.
        let mut polls: Vec<(u64, u64, bool)> = Vec::new();
        let mut last = None;
        for event in &self.events {
            let id = TaskId::from_u64(event.payload);
            let is_call = matches!(event.kind, Kind::CallBegins | Kind::CallEnds);
            let inner = polls.last().and_then(|poll| TaskId::from_u64(poll.0));
            let by = inner.filter(|_| self.worker.is_some());
            match event.kind {
                Kind::PollEnds if self.worker.is_some() => last = id,
                Kind::Woken | Kind::PermitBack | Kind::PermitTaken | Kind::PermitGiven => {}
                _ => last = None,
            }
            match (event.kind, id) {
                (Kind::PollBegins | Kind::CallBegins, Some(_)) => {
                    polls.push((event.payload, event.time, is_call));
                }
                (Kind::PollEnds | Kind::CallEnds, Some(id)) => {
                    let began = polls.iter().rposition(|poll| poll.0 == event.payload);
                    let from = began.map(|began| polls.remove(began).1);
                    see(Step::Polled {
                        id,
                        from: from.unwrap_or(self.known_from),
                        to: Some((event.time, Ending::of(event.argument))),
                        is_cut: from.is_none(),
                        is_call,
                    });
                }
                (Kind::Spawn, Some(id)) => see(Step::Spawns {
                    id,
                    at: event.time,
                    by,
                }),
                (Kind::Woken, Some(id)) => {
                    let by = match by.or(last) {
                        Some(task) => By::Task(task),
                        None if self.worker.is_some() => By::Outside,
                        None => By::Thread,
                    };
                    let at = event.time;
                    see(Step::Woken { id, at, by });
                }
                _ => see(Step::Other(event)),
            }
        }
        for (id, from, is_call) in polls {
            if let Some(id) = TaskId::from_u64(id) {
                see(Step::Polled {
                    id,
                    from,
                    to: None,
                    is_cut: false,
                    is_call,
                });
            }
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn of_one_time_each_poll_comes_after_what_has_led_to_it() {
        let (one, two) = (TaskId::here(), TaskId::here());
        let turn = |id, at, is_poll, what| Turn {
            id,
            at,
            is_poll,
            what,
        };
        let turns = vec![
            // On one track, and on another.
            turn(one, 5, true, 1),
            turn(two, 1, false, 0),
            turn(one, 5, true, 3),
            turn(one, 6, true, 5),
            turn(one, 5, false, 0),
            turn(one, 5, false, 2),
            turn(two, 1, true, 1),
            turn(one, 5, false, 4),
        ];
        let ordered = put_in_turn(turns);
        let whats = |id| -> Vec<i32> {
            let own = ordered.iter().filter(|turn| turn.id == id);
            own.map(|turn| turn.what).collect()
        };
        assert_eq!(whats(one), [0, 1, 2, 3, 4, 5]);
        assert_eq!(whats(two), [0, 1]);
    }
}
