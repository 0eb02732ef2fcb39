//! Events that wait to be written.
//!
//! Invariant: nobody holds the lock for longer than it takes to move some words; never during I/O.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::event::Event;

/// How many events may wait: about a megabyte, or a quarter of an hour of one chain.
pub(super) const LIMIT: usize = 4_096;

/// Events in their order, and how many found no room after them.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    more: Condvar,
    lost: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Event>,
    lost: u64,
    is_woken: bool,
}

/// What was waiting.
#[derive(Default)]
pub(super) struct Batch {
    /// Events, the eldest first.
    pub(super) events: VecDeque<Event>,
    /// How many were lost after the last of them.
    pub(super) lost: u64,
}

impl Queue {
    /// Puts an event behind the others, unless there is no room.
    pub(super) fn push(&self, event: Event) {
        let mut waiting = self.waiting();
        // After a loss the room is for whoever writes, so that what is lost is one piece.
        if waiting.lost > 0 || waiting.events.len() >= LIMIT {
            waiting.lost = waiting.lost.saturating_add(1);
            drop(waiting);
            self.count_lost(1);
            return;
        }
        waiting.events.push_back(event);
        drop(waiting);
        self.more.notify_one();
    }

    /// Takes all that waits; waits that long for something.
    pub(super) fn take(&self, patience: Duration) -> Batch {
        let waiting = self.waiting();
        let is_empty = |it: &mut Waiting| it.events.is_empty() && it.lost == 0 && !it.is_woken;
        let waited = self.more.wait_timeout_while(waiting, patience, is_empty);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        waiting.is_woken = false;
        Batch {
            events: std::mem::take(&mut waiting.events),
            lost: std::mem::take(&mut waiting.lost),
        }
    }

    /// Puts back what could not be written, before what came since. The queue may then be longer
    /// than its limit for a while.
    pub(super) fn put_back(&self, mut batch: Batch) {
        let mut waiting = self.waiting();
        if batch.lost == 0 {
            batch.events.append(&mut waiting.events);
            waiting.events = batch.events;
        } else {
            // What came since stands behind the gap, where there is no place for it.
            let since = waiting.events.len();
            let since = u64::try_from(since).unwrap_or(u64::MAX);
            waiting.events = batch.events;
            waiting.lost = waiting
                .lost
                .saturating_add(batch.lost)
                .saturating_add(since);
            self.count_lost(since);
        }
    }

    /// Wakes whoever waits in [`Self::take`], now or next.
    pub(super) fn wake(&self) {
        self.waiting().is_woken = true;
        self.more.notify_all();
    }

    /// Counts events that are lost for another reason.
    pub(super) fn count_lost(&self, count: u64) {
        self.lost.fetch_add(count, Relaxed);
    }

    /// How many were lost since the start.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    fn push(queue: &Queue, messages: std::ops::Range<usize>) {
        for number in messages {
            queue.push(Event::new(Level::INFO, "test", number.to_string()));
        }
    }

    fn messages(batch: &Batch) -> Vec<usize> {
        let events = batch.events.iter();
        events.map(|it| it.message.parse().unwrap()).collect()
    }

    #[test]
    fn what_finds_no_room_is_counted_and_the_rest_keeps_its_order() {
        let queue = Queue::default();
        push(&queue, 0..LIMIT + 7);
        let batch = queue.take(Duration::ZERO);
        assert_eq!(messages(&batch), (0..LIMIT).collect::<Vec<_>>());
        assert_eq!((batch.lost, queue.lost()), (7, 7));
        push(&queue, 0..3);
        let batch = queue.take(Duration::ZERO);
        assert_eq!((messages(&batch), batch.lost), (vec![0, 1, 2], 0));
    }

    #[test]
    fn what_is_put_back_comes_first_again() {
        let queue = Queue::default();
        push(&queue, 0..3);
        let batch = queue.take(Duration::ZERO);
        push(&queue, 3..5);
        queue.put_back(batch);
        assert_eq!(messages(&queue.take(Duration::ZERO)), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn nobody_waits_for_an_event_that_is_there() {
        let queue = Queue::default();
        push(&queue, 0..1);
        let batch = queue.take(Duration::from_secs(600));
        assert_eq!(batch.events.len(), 1);
        assert!(queue.take(Duration::from_millis(1)).events.is_empty());
    }
}
