//! What the engine is told and what it gives back; the driver does the rest.

use std::net::SocketAddr;
use std::time::{Instant, SystemTime};

use super::event::Event;

/// The time, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// Never goes back.
    pub(crate) instant: Instant,
    /// What the machine takes for the time of day; handshakes carry it.
    pub(crate) wall: SystemTime,
}

/// A peer by its place in the [`Spec`](crate::Spec).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PeerIndex(pub(crate) usize);

/// What the network says (ICMP) of a datagram that was sent. Anybody can forge it, so it is told
/// and nothing is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreachable {
    /// Nobody listens on the port.
    PortClosed,
    /// No way to the host, or a firewall that says so.
    Host,
    /// No way to its network.
    Network,
    /// Larger than the path carries, which is so many bytes.
    TooBig(u32),
}

/// Takes what the engine wants done.
pub(crate) trait Output {
    /// Send this over UDP.
    fn datagram(&mut self, to: SocketAddr, bytes: &[u8]);
    /// An IP packet out of the tunnel: its source is within the peer's AllowedIPs, its destination
    /// is an address of ours.
    fn packet(&mut self, peer: PeerIndex, bytes: &[u8]);
    /// Look up this name and call [`Engine::resolved`](super::Engine::resolved).
    fn resolve(&mut self, peer: PeerIndex, host: &str, port: u16);
    /// Tell a person.
    fn event(&mut self, event: Event);
}
