//! What is remembered of the connection to a node.
//!
//! Invariant: as in [`record`](super::record), nothing here waits for I/O.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::document;
use super::moment::Moment;
use super::turn::Turn;
use crate::session::Trouble;

/// What became of the connection to a node.
#[derive(Debug)]
pub struct NodeRecord {
    link: Mutex<Link>,
    turn: Turn,
}

#[derive(Debug)]
struct Link {
    state: document::NodeState,
    /// Since when it is connected, or is not.
    since: Moment,
    tries: u64,
    /// The tunnel that the connection was inside of last.
    tunnel: Option<Arc<str>>,
    dials: u64,
    connections: u64,
    troubles: BTreeMap<&'static str, u64>,
    contradicted: Option<&'static str>,
    trouble: Option<Seen>,
}

#[derive(Debug)]
struct Seen {
    kind: &'static str,
    text: String,
    advice: &'static str,
    first: Instant,
    last: Instant,
}

impl Default for NodeRecord {
    fn default() -> Self {
        Self {
            link: Mutex::new(Link {
                state: document::NodeState::Dialling,
                since: Moment::now(),
                tries: 0,
                dials: 0,
                connections: 0,
                tunnel: None,
                troubles: BTreeMap::new(),
                contradicted: None,
                trouble: None,
            }),
            turn: Turn::default(),
        }
    }
}

impl NodeRecord {
    /// It is dialled.
    pub fn dialling(&self) {
        let mut link = self.link();
        link.state = document::NodeState::Dialling;
        link.tries = link.tries.saturating_add(1);
        link.dials = link.dials.saturating_add(1);
    }

    /// The connection stands, inside a tunnel or not.
    pub fn connected(&self, tunnel: Option<Arc<str>>) {
        let mut link = self.link();
        link.state = document::NodeState::Connected;
        link.since = Moment::now();
        link.connections = link.connections.saturating_add(1);
        link.tries = 0;
        link.tunnel = tunnel;
        link.contradicted = None;
    }

    /// Something is wrong, though the attempt goes on.
    pub fn trouble(&self, trouble: &Trouble) {
        let text = trouble.to_string();
        let now = Instant::now();
        let mut link = self.link();
        let count = link.troubles.entry(trouble.kind()).or_default();
        *count = count.saturating_add(1);
        let known = link.trouble.as_ref().filter(|it| it.kind == trouble.kind());
        let is_same = known.is_some_and(|it| it.last >= link.since.instant());
        let first = known.filter(|_| is_same).map_or(now, |it| it.first);
        link.trouble = Some(Seen {
            kind: trouble.kind(),
            text,
            advice: trouble.advice(),
            first,
            last: now,
        });
    }

    /// There is no connection, and the next attempt comes after a pause.
    pub fn waiting(&self) {
        let now = Moment::now();
        let mut link = self.link();
        if link.state == document::NodeState::Connected {
            link.since = now;
        }
        link.state = document::NodeState::Waiting;
    }

    /// The node speaks another version than configured.
    pub fn contradicted(&self, why: &'static str) {
        self.link().contradicted = Some(why);
    }

    /// What its thread says of itself.
    #[must_use]
    pub fn turn(&self) -> &Turn {
        &self.turn
    }

    /// Whether it is connected.
    #[must_use]
    pub fn state(&self) -> document::NodeState {
        self.link().state
    }

    /// All of it, with what tmkms.toml says of the node.
    #[must_use]
    pub fn document(&self, configured: &NodeName, now: Instant) -> document::Node {
        let age = |at: Instant| now.saturating_duration_since(at).as_secs();
        let link = self.link();
        let trouble = link.trouble.as_ref().map(|seen| document::Trouble {
            kind: seen.kind.to_owned(),
            text: seen.text.clone(),
            advice: seen.advice.to_owned(),
            first_s: age(seen.first),
            last_s: age(seen.last),
        });
        document::Node {
            chain: configured.chain.clone(),
            address: configured.address.clone(),
            protocol_version: configured.protocol_version.clone(),
            contradicted: link.contradicted.map(str::to_owned),
            state: link.state,
            for_s: link.since.age_s(now),
            since_unix_ms: link.since.unix_ms(),
            tries: link.tries,
            tunnel: link.tunnel.as_ref().map(ToString::to_string),
            dials: link.dials,
            connections: link.connections,
            trouble,
            troubles: link
                .troubles
                .iter()
                .map(|(kind, count)| document::Troubles {
                    kind: (*kind).to_owned(),
                    count: *count,
                })
                .collect(),
            overdue_s: self.turn.overdue(now).map(|it| it.as_secs()),
        }
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What tmkms.toml says of a node.
#[derive(Clone, Debug)]
pub struct NodeName {
    /// Its chain's id.
    pub chain: String,
    /// Its address.
    pub address: String,
    /// Its protocol version.
    pub protocol_version: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_dated_from_its_first_time_since_the_connection_was_lost() {
        let record = NodeRecord::default();
        let name = NodeName {
            chain: String::new(),
            address: String::new(),
            protocol_version: None,
        };
        let told = || record.document(&name, Instant::now());
        let fail = || {
            record.dialling();
            record.waiting();
            record.trouble(&Trouble::Refused);
            let link = record.link();
            let seen = link.trouble.as_ref().unwrap();
            (seen.first, seen.last, link.since.instant())
        };
        let start = record.link().since.instant();
        let (first, _, _) = fail();
        let (same, later, since) = fail();
        assert!(same == first && later > first && since == start);
        assert_eq!(told().tries, 2);
        record.connected(None);
        assert_eq!(
            (told().state, told().tries),
            (document::NodeState::Connected, 0)
        );
        let (new, _, since) = fail();
        assert!(new > later && since > start && since <= new);
        assert_eq!((told().dials, told().connections), (3, 1));
        assert_eq!(told().troubles[0].count, 3);
    }
}
