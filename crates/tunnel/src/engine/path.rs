//! How large a packet the path to a peer carries.
//!
//! Nothing in WireGuard tells, and the networks that drop large datagrams seldom say so. It is
//! measured inside the tunnel with ICMP echo requests of several sizes at once: a peer of any make
//! answers them, an answer names its question, and one round trip tells. Probing by TCP itself
//! (RFC 4821) would cost a lost segment and its timeout for each size that is too large, at the
//! very moment when a node waits. Our own end answers such a probe only, told by what it contains,
//! and only to an authentic peer: it answers no `ping`.
//!
//! A beginning of a TCP connection waits for the first result, a round trip, since it carries the
//! size that both ends will use. Who is dialled measures as soon as something comes, so that an
//! answer which is ready does not wait. When nobody answers, the smallest size is assumed.
//!
//! A size that is configured is used at once and stays in use. It is measured all the same, so that
//! one which the path does not carry can be told.
//!
//! Later it is measured again when there is a sign that the path has become another: handshakes
//! after a silence, another address, a router that says so, or a large segment that TCP sends
//! again and again.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::icmp;
use super::packet::{IpPacket, Segment};

/// What is tried, in bytes inside the tunnel. 1088 carries sekaid's frame of 1044 bytes in one
/// segment, through a path of 1150.
const SIZES: [u16; 8] = [1420, 1380, 1340, 1280, 1216, 1152, 1088, 1000];
/// What is assumed when nothing is known. Every path carries it.
const SMALLEST: u16 = 1000;
/// Lost probes are repeated.
const ROUNDS: u8 = 3;
const ROUND: Duration = Duration::from_millis(300);
/// After the first answer, larger ones may come for another round trip, and at least this long.
const SETTLE: Duration = Duration::from_millis(20);
/// Paths change without a word.
const AGAIN: Duration = Duration::from_secs(600);
/// A sign that the path has changed is followed at most so often.
const PAUSE: Duration = Duration::from_secs(2);
/// So many times in a row one large segment may go out.
const TRIES: u8 = 4;
/// Bytes of IP, UDP and WireGuard around a packet, at least.
const AROUND: u32 = 20 + 8 + 32;
/// Probes of the peer that are answered in a second.
const ANSWERS: u32 = 64;

pub(super) struct Path {
    configured: Option<u16>,
    best: Option<u16>,
    carries: Carries,
    probing: Option<Probing>,
    stale: bool,
    probed: Option<Instant>,
    answers: (Option<Instant>, u32),
    /// The last large segment, and how many times it was sent.
    suspect: Option<(Segment, u8)>,
}

/// What came of measuring a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Carries {
    /// It was not measured yet.
    #[default]
    Unknown,
    /// Nobody answered.
    Unanswered,
    /// Packets of at most so many bytes came through, of the sizes that were tried.
    Bytes(u16),
}

struct Probing {
    source: IpAddr,
    destination: IpAddr,
    since: Instant,
    next: Instant,
    rounds: u8,
    answered: Option<u16>,
    settled: Option<Instant>,
}

/// What the path wants.
pub(super) enum Step {
    /// Send these.
    Probes(Vec<Vec<u8>>),
    /// The size is known, or known better.
    Known {
        mtu: u16,
        /// Whether it was measured, not assumed.
        measured: bool,
    },
}

impl Path {
    pub(super) fn new(configured: Option<u16>) -> Self {
        Self {
            configured,
            best: None,
            carries: Carries::Unknown,
            probing: None,
            stale: false,
            probed: None,
            answers: (None, 0),
            suspect: None,
        }
    }

    /// The largest packet, in bytes.
    pub(super) fn mtu(&self) -> u16 {
        self.configured.or(self.best).unwrap_or(SMALLEST)
    }

    /// What came of measuring it last.
    pub(super) fn carries(&self) -> Carries {
        self.carries
    }

    /// The size that is configured, where the path carries less.
    pub(super) fn too_large(&self) -> Option<u16> {
        let configured = self.configured?;
        matches!(self.carries, Carries::Bytes(bytes) if bytes < configured).then_some(configured)
    }

    /// What is tried: the largest that is wanted, and those below it.
    fn sizes(&self) -> impl Iterator<Item = u16> + use<> {
        let [largest, ..] = SIZES;
        let wanted = self.configured.unwrap_or(largest);
        let below = SIZES.into_iter().filter(move |size| *size < wanted);
        std::iter::once(wanted).chain(below)
    }

    pub(super) fn is_unknown(&self) -> bool {
        self.configured.is_none() && self.best.is_none()
    }

    /// The path may have become another.
    pub(super) fn doubt(&mut self) {
        self.stale = true;
    }

    /// The network says that datagrams of at most so many bytes pass. Anybody can say so.
    pub(super) fn too_big(&mut self, bytes: u32) {
        let fits = bytes > 0 && u32::from(self.mtu()) + AROUND <= bytes;
        if !fits && self.probing.is_none() {
            self.doubt();
        }
    }

    /// A packet has been sent. A large segment that goes out again and again may be lost for its
    /// size, while small ones come through.
    pub(super) fn sent(&mut self, packet: &IpPacket<'_>) {
        if packet.bytes.len() <= SMALLEST.into() {
            return;
        }
        let Some(segment) = packet.segment() else {
            return;
        };
        let tries = match self.suspect {
            Some((last, tries)) if last == segment => tries.saturating_add(1),
            _ => 1,
        };
        self.suspect = Some((segment, tries));
        if tries >= TRIES {
            self.suspect = None;
            self.doubt();
        }
    }

    /// A packet goes this way, or came: measures, if it is time to. The addresses are ours and the
    /// peer's.
    pub(super) fn used(&mut self, now: Instant, source: IpAddr, destination: IpAddr) {
        let patience = if self.stale { PAUSE } else { AGAIN };
        let passed = |at: Instant| now.saturating_duration_since(at) >= patience;
        let wanted = self.probed.is_none_or(passed);
        if self.probing.is_some() || !wanted {
            return;
        }
        self.stale = false;
        self.probed = Some(now);
        self.probing = Some(Probing {
            source,
            destination,
            since: now,
            next: now,
            rounds: 0,
            answered: None,
            settled: None,
        });
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        let probing = self.probing.as_ref()?;
        let settled = probing.settled.filter(|_| self.is_unknown());
        Some(settled.map_or(probing.next, |at| at.min(probing.next)))
    }

    pub(super) fn step(&mut self, now: Instant) -> Option<Step> {
        let (sizes, largest) = (self.sizes(), self.sizes().next());
        let is_awaited = self.is_unknown();
        let probing = self.probing.as_mut()?;
        let done = probing.answered == largest || probing.rounds >= ROUNDS && probing.next <= now;
        let settled = is_awaited && probing.settled.is_some_and(|at| at <= now);
        if done || settled {
            let measured = probing.answered.is_some();
            // Without any answer a path that was measured is not taken for another.
            let mtu = probing.answered.or(self.best).unwrap_or(SMALLEST);
            self.stale |= done && !measured && self.best.is_some();
            if done {
                // Nor is it forgotten.
                self.carries = match (probing.answered, self.carries) {
                    (Some(bytes), _) => Carries::Bytes(bytes),
                    (None, Carries::Bytes(bytes)) => Carries::Bytes(bytes),
                    (None, _) => Carries::Unanswered,
                };
                self.probing = None;
            }
            let is_news = self.best.replace(mtu) != Some(mtu);
            let is_used = measured || self.configured.is_none();
            return (is_news && is_used).then_some(Step::Known { mtu, measured });
        }
        if probing.next > now {
            return None;
        }
        probing.next = now + ROUND;
        probing.rounds += 1;
        let answered = probing.answered.unwrap_or(0);
        let probes = sizes
            .filter(|size| *size > answered)
            .filter_map(|size| icmp::probe(probing.source, probing.destination, size))
            .collect();
        Some(Step::Probes(probes))
    }

    /// Whether a packet of the peer was an answer to one of ours.
    pub(super) fn take_answer(&mut self, now: Instant, packet: &IpPacket<'_>) -> bool {
        let Some(size) = icmp::answered(packet) else {
            return false;
        };
        let was_asked = self.sizes().any(|asked| asked == size);
        if let Some(probing) = &mut self.probing
            && was_asked
        {
            probing.answered = probing.answered.max(Some(size));
            let round_trip = now.saturating_duration_since(probing.since).min(ROUND);
            probing.settled.get_or_insert(now + round_trip.max(SETTLE));
        }
        true
    }

    /// What to answer to a probe of the peer, if this is one.
    pub(super) fn answer(&mut self, now: Instant, packet: &IpPacket<'_>) -> Option<Vec<u8>> {
        let answer = icmp::answer(packet)?;
        let (since, count) = &mut self.answers;
        let over = |at: Instant| now.saturating_duration_since(at) >= Duration::from_secs(1);
        if since.is_none_or(over) {
            (*since, *count) = (Some(now), 0);
        }
        *count += 1;
        (*count <= ANSWERS).then_some(answer)
    }
}
