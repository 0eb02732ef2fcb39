//! What the engine asks of whoever drives it.

use std::net::SocketAddr;

use super::event::Event;

/// Which peer: its place in [`crate::Spec::peers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PeerIndex(pub(crate) usize);

/// Takes what the engine makes. Nothing here may fail: what cannot be sent is lost, as on any
/// network.
pub(crate) trait Output {
    /// Send this datagram.
    fn datagram(&mut self, to: SocketAddr, bytes: &[u8]);
    /// An IP packet for us: authentic, its source in the peer's AllowedIPs, its destination one of
    /// our addresses, and without padding.
    fn packet(&mut self, peer: PeerIndex, bytes: &[u8]);
    /// Resolve a name and call [`super::Engine::resolved`]. One question for each peer is out at a
    /// time.
    fn resolve(&mut self, peer: PeerIndex, host: &str, port: u16);
    /// Something that people want to know. Already limited in its rate.
    fn event(&mut self, event: Event);
}

/// What the network says of a datagram that we sent. It is a hint: anybody can forge it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreachable {
    /// Nothing listens on the UDP port.
    PortClosed,
    /// No way to the host or its network.
    NoRoute,
    /// A firewall refuses.
    Prohibited,
    /// Larger than the path carries, which is so many bytes with all headers; 0 when it does not
    /// say.
    TooBig(u32),
}
