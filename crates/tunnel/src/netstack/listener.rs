//! Who may connect to a port, and who waits for it.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipnet::IpNet;

use super::bell::Bell;
use super::connection::ConnectionId;

/// SYNs kept for one port, one for each address. The one that was silent longest gives way.
pub(super) const MAX_KNOCKS: usize = 16;

/// How long a SYN that was not sent again still counts. The longest pause between the second and
/// third repetition by Linux is 4 s, and our own dialling lasts no longer.
const KNOCK_LIFE: Duration = Duration::from_secs(4);

/// Addresses of strangers whose attempts are told apart; what comes from more is only counted.
const MAX_STRANGERS: usize = 64;

/// Somebody who wants a connection and has had no answer yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knock {
    /// Address and port inside the tunnel.
    pub source: SocketAddr,
    /// When this attempt began.
    pub since: Instant,
    /// When its last SYN came.
    pub latest: Instant,
}

pub(super) struct Listener {
    /// Whether a SYN waits for [`admit`](super::Netstack::admit).
    held: bool,
    /// Who may connect; anybody when empty.
    allowed: Vec<IpNet>,
    knocks: BTreeMap<IpAddr, (Knock, Vec<u8>)>,
    strangers: BTreeMap<IpAddr, u64>,
    more_strangers: u64,
    /// Connections that stand and were not accepted yet.
    pub(super) ready: VecDeque<ConnectionId>,
    pub(super) bell: Arc<Bell>,
}

/// What is to be done with a SYN.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Open,
    Hold,
    Drop,
}

impl Listener {
    pub(super) fn new(held: bool, allowed: Vec<IpNet>) -> Self {
        Self {
            held,
            allowed,
            knocks: BTreeMap::new(),
            strangers: BTreeMap::new(),
            more_strangers: 0,
            ready: VecDeque::new(),
            bell: Arc::default(),
        }
    }

    pub(super) fn judge(&mut self, now: Instant, source: SocketAddr, packet: &[u8]) -> Verdict {
        if !self.allows(source.ip()) {
            self.count_stranger(source.ip());
            return Verdict::Drop;
        }
        if !self.held {
            return Verdict::Open;
        }
        self.hold(now, source, packet);
        Verdict::Hold
    }

    fn allows(&self, source: IpAddr) -> bool {
        self.allowed.is_empty() || self.allowed.iter().any(|net| net.contains(&source))
    }

    fn count_stranger(&mut self, source: IpAddr) {
        if self.strangers.len() >= MAX_STRANGERS && !self.strangers.contains_key(&source) {
            self.more_strangers += 1;
        } else {
            *self.strangers.entry(source).or_default() += 1;
        }
    }

    fn hold(&mut self, now: Instant, source: SocketAddr, packet: &[u8]) {
        let repeated = self.knocks.get(&source.ip());
        let since = repeated
            .filter(|(knock, _)| knock.source == source)
            .map_or(now, |(knock, _)| knock.since);
        if repeated.is_none() && self.knocks.len() >= MAX_KNOCKS {
            let quietest = self.knocks.values().min_by_key(|(knock, _)| knock.latest);
            if let Some(address) = quietest.map(|(knock, _)| knock.source.ip()) {
                self.knocks.remove(&address);
            }
        }
        let knock = Knock {
            source,
            since,
            latest: now,
        };
        self.knocks.insert(source.ip(), (knock, packet.to_vec()));
    }

    /// Who waits, the newest attempt last.
    pub(super) fn knocking(&mut self, now: Instant) -> Vec<Knock> {
        self.knocks
            .retain(|_, (knock, _)| now.saturating_duration_since(knock.latest) < KNOCK_LIFE);
        let mut all: Vec<Knock> = self
            .knocks
            .values()
            .map(|(knock, _)| knock.clone())
            .collect();
        all.sort_by_key(|knock| knock.since);
        all
    }

    /// Ends the waiting of `source` and gives back its SYN.
    pub(super) fn take(&mut self, source: SocketAddr) -> Option<Vec<u8>> {
        if self.knocks.get(&source.ip())?.0.source != source {
            return None;
        }
        self.knocks.remove(&source.ip()).map(|(_, packet)| packet)
    }

    /// The attempts of strangers since the last call, by address, and those of further ones.
    pub(super) fn take_strangers(&mut self) -> (Vec<(IpAddr, u64)>, u64) {
        let known = std::mem::take(&mut self.strangers).into_iter().collect();
        (known, std::mem::take(&mut self.more_strangers))
    }
}
