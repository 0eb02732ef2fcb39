//! Which handshake initiations are worth the work: each costs some 0.1 ms of arithmetic.
//!
//! Up to a number in each second all are, if they are made for our key. Above it their senders
//! have to prove first, with a cookie, that they receive at the address they send from (WireGuard,
//! section 5.3), and each address gets a share. gotatun's own limiter counts for each address only,
//! so a flood from made-up addresses would never be one to it: two of them stand here, one that
//! always lets pass and one that always wants a cookie.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gotatun::noise::TunnResult;
use gotatun::noise::errors::WireGuardError;
use gotatun::noise::rate_limiter::RateLimiter;
use gotatun::packet::{Packet, WgHandshakeInit, WgHandshakeResp, WgKind};
use gotatun::x25519;

/// So many initiations in a second are answered to anybody.
pub(super) const FREE: u32 = 50;
/// So many of one address that has a cookie.
const FREE_FOR_ONE: u32 = 20;
/// So many addresses are counted.
const MAX_ADDRESSES: usize = 1024;
const WINDOW: Duration = Duration::from_secs(1);

pub(super) struct Gate {
    open: Arc<RateLimiter>,
    strict: RateLimiter,
    window: Option<Instant>,
    count: u32,
    proven: HashMap<IpAddr, u32>,
}

/// What to do with an initiation.
pub(super) enum Verdict {
    Answer(Packet<WgHandshakeInit>),
    /// Send this back.
    Cookie(Packet),
    NotForUs,
    Drop,
}

impl Gate {
    pub(super) fn new(public: &x25519::PublicKey) -> Self {
        Self {
            open: Arc::new(RateLimiter::new(public, u64::MAX)),
            strict: RateLimiter::new(public, 0),
            window: None,
            count: 0,
            proven: HashMap::new(),
        }
    }

    /// The limiter that `Tunn` wants to have; it is not asked anything there.
    pub(super) fn limiter(&self) -> Arc<RateLimiter> {
        Arc::clone(&self.open)
    }

    /// Whether senders have to show a cookie now.
    pub(super) fn is_under_load(&self) -> bool {
        self.count > FREE
    }

    pub(super) fn initiation(
        &mut self,
        now: Instant,
        from: SocketAddr,
        packet: Packet<WgHandshakeInit>,
    ) -> Verdict {
        self.turn(now);
        let checked = if self.count < FREE {
            self.open.verify_packet(from, packet.into())
        } else {
            self.strict.verify_packet(from, packet.into())
        };
        let strict = self.count >= FREE;
        match checked {
            Err(TunnResult::Err(WireGuardError::InvalidMac)) => return Verdict::NotForUs,
            Ok(_) | Err(TunnResult::WriteToNetwork(_)) => self.count = self.count.saturating_add(1),
            Err(_) => {}
        }
        match checked {
            Ok(WgKind::HandshakeInit(packet)) if !strict || self.has_share(from.ip()) => {
                Verdict::Answer(packet)
            }
            Err(TunnResult::WriteToNetwork(cookie)) => Verdict::Cookie(cookie.into()),
            _ => Verdict::Drop,
        }
    }

    /// An answer to an initiation of ours, if it is made for our key.
    pub(super) fn response(
        &self,
        from: SocketAddr,
        packet: Packet<WgHandshakeResp>,
    ) -> Option<Packet<WgHandshakeResp>> {
        match self.open.verify_packet(from, packet.into()) {
            Ok(WgKind::HandshakeResp(packet)) => Some(packet),
            _ => None,
        }
    }

    fn turn(&mut self, now: Instant) {
        let over = |at: Instant| now.saturating_duration_since(at) >= WINDOW;
        if self.window.is_none_or(over) {
            self.window = Some(now);
            self.count = 0;
            self.proven.clear();
            self.open.try_reset_count();
            self.strict.try_reset_count();
        }
    }

    fn has_share(&mut self, address: IpAddr) -> bool {
        if self.proven.len() >= MAX_ADDRESSES && !self.proven.contains_key(&address) {
            return false;
        }
        let used = self.proven.entry(address).or_default();
        *used += 1;
        *used <= FREE_FOR_ONE
    }
}
