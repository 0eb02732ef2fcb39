//! Packets that wait for a handshake.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// As many packets as the kernel's WireGuard keeps.
const MAX_PACKETS: usize = 128;
/// And not more than this many bytes.
const MAX_BYTES: usize = 192 * 1024;
/// A packet that waited longer is of no use: its sender has sent it again or given up, and a late
/// SYN would open a connection that nobody wants.
const LIFETIME: Duration = Duration::from_secs(3);

/// The newest packets, within bounds; the oldest are dropped.
#[derive(Default)]
pub(super) struct Queue {
    packets: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    /// How many were dropped so far.
    pub(super) dropped: u64,
}

impl Queue {
    pub(super) fn push(&mut self, now: Instant, packet: &[u8]) {
        self.packets.push_back((now, packet.to_vec()));
        self.bytes += packet.len();
        while self.packets.len() > MAX_PACKETS || self.bytes > MAX_BYTES {
            self.take();
            self.dropped += 1;
        }
    }

    /// All packets that are still of use, oldest first, each with the time it came. Counts the
    /// others as dropped.
    pub(super) fn into_recent(self, now: Instant, dropped: &mut u64) -> Vec<(Instant, Vec<u8>)> {
        let all = self.packets.len();
        let recent = |since: Instant| now.saturating_duration_since(since) < LIFETIME;
        let packets = self.packets.into_iter().filter(|(at, _)| recent(*at));
        let packets: Vec<_> = packets.collect();
        *dropped += self.dropped + (all - packets.len()) as u64;
        packets
    }

    fn take(&mut self) -> Option<(Instant, Vec<u8>)> {
        let taken = self.packets.pop_front()?;
        self.bytes -= taken.1.len();
        Some(taken)
    }
}
