//! Somebody on the internet who sends the validator's machine what it does not want.

use std::net::{SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blake2::digest::Mac as _;
use blake2::digest::consts::U16;
use blake2::{Blake2s256, Blake2sMac, Digest as _};
use chance::Rng;

use crate::namespace::Namespace;
use crate::world::{BACK, VALIDATOR, WIREGUARD_PORT};
use crate::{Outcome, doing};

/// Datagrams go out in bursts of this rhythm.
const BEAT: Duration = Duration::from_millis(2);

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 10,000 transport messages per second of sessions that do not exist, or with bytes that do
    /// not authenticate.
    Forged,
    /// 1,000 handshake initiations per second with a right mac1, which anybody can make who
    /// knows the public key: each costs the receiver a Diffie-Hellman.
    Initiations,
}

impl Kind {
    fn per_second(self) -> u64 {
        match self {
            Self::Forged => 10_000,
            Self::Initiations => 1_000,
        }
    }
}

/// A flood that runs. It ends when dropped.
#[derive(Debug)]
pub struct Flood {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    start: Instant,
}

#[derive(Debug, Default)]
struct Shared {
    sent: AtomicU64,
    is_over: AtomicBool,
}

impl Flood {
    /// Begins. `validator` is the public key in base64.
    ///
    /// # Errors
    /// When the socket or the key is of no use.
    pub fn start(internet: &Namespace, kind: Kind, validator: &str, seed: u64) -> Outcome<Self> {
        let socket = internet.inside(|| {
            let socket = UdpSocket::bind(SocketAddrV4::new(BACK, 0));
            let socket = socket.map_err(doing("bind a socket for the flood"))?;
            let target = SocketAddrV4::new(VALIDATOR, WIREGUARD_PORT);
            let connected = socket.connect(target).map(|()| socket);
            connected.map_err(doing("aim the flood"))
        })?;
        let key = STANDARD.decode(validator).map_err(doing("read a key"))?;
        let shared = Arc::new(Shared::default());
        let counted = Arc::clone(&shared);
        let thread = thread::spawn(move || pour(&socket, kind, &key, Rng::new(seed), &counted));
        Ok(Self {
            shared,
            thread: Some(thread),
            start: Instant::now(),
        })
    }

    /// Datagrams per second so far.
    pub fn rate(&self) -> f64 {
        let sent = self.shared.sent.load(Ordering::Relaxed);
        sent as f64 / self.start.elapsed().as_secs_f64().max(0.001)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say.
            let _ = thread.join();
        }
    }
}

fn pour(socket: &UdpSocket, kind: Kind, key: &[u8], mut rng: Rng, shared: &Shared) {
    let start = Instant::now();
    let mut sent = 0;
    while !shared.is_over.load(Ordering::Relaxed) {
        let millis = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let due = millis * kind.per_second() / 1000;
        while sent < due {
            let datagram = match kind {
                Kind::Forged => forged(&mut rng),
                Kind::Initiations => initiation(&mut rng, key),
            };
            // A full queue or a closed port is no reason to stop.
            let _ = socket.send(&datagram);
            sent += 1;
        }
        shared.sent.store(sent, Ordering::Relaxed);
        thread::sleep(BEAT);
    }
}

fn random(rng: &mut Rng, len: usize) -> Vec<u8> {
    (0..len).map(|_| rng.bits().to_le_bytes()[0]).collect()
}

/// Message type 4 (transport data) with a random receiver, counter and content.
fn forged(rng: &mut Rng) -> Vec<u8> {
    let mut datagram = vec![4, 0, 0, 0];
    datagram.extend(random(rng, 108));
    datagram
}

/// Message type 1 with random content, then mac1 = MAC(HASH("mac1----" || key), all before), and
/// no mac2 (the WireGuard paper, section 5.4.4).
fn initiation(rng: &mut Rng, key: &[u8]) -> Vec<u8> {
    let mut datagram = vec![1, 0, 0, 0];
    datagram.extend(random(rng, 112));
    let mac_key = Blake2s256::new()
        .chain_update(b"mac1----")
        .chain_update(key)
        .finalize();
    if let Ok(mac) = Blake2sMac::<U16>::new_from_slice(&mac_key) {
        let tag = mac.chain_update(&datagram).finalize().into_bytes();
        datagram.extend_from_slice(&tag);
    }
    datagram.extend([0; 16]);
    datagram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forged_messages_have_the_sizes_of_real_ones() {
        let mut rng = Rng::new(1);
        assert_eq!(initiation(&mut rng, &[7; 32]).len(), 148);
        // A header of 16 bytes, content in units of 16, a tag of 16.
        assert_eq!(forged(&mut rng).len() % 16, 0);
    }
}
