//! The little of IP that the engine reads: addresses, the length, and whether TCP waits for an
//! answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of an IPv4 header without options.
pub(super) const IPV4_HEADER: usize = 20;
/// Bytes of an IPv6 header.
pub(super) const IPV6_HEADER: usize = 40;
/// The protocol number of TCP.
const TCP: u8 = 6;

/// Ports and sequence number, which a TCP segment keeps when it is sent again.
pub(super) type Segment = [u8; 8];

/// An IP packet whose header holds together.
#[derive(Clone, Copy, Debug)]
pub(super) struct IpPacket<'a> {
    /// Header and payload, without padding.
    pub(super) bytes: &'a [u8],
    /// Who sent it.
    pub(super) source: IpAddr,
    /// Whom it is for.
    pub(super) destination: IpAddr,
    /// What the payload is.
    pub(super) protocol: u8,
    /// What follows the IP header.
    pub(super) payload: &'a [u8],
}

impl<'a> IpPacket<'a> {
    /// Reads the header and cuts off what follows the packet, which is how WireGuard pads.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        match bytes.first()? >> 4 {
            4 => Self::parse_v4(bytes),
            6 => Self::parse_v6(bytes),
            _ => None,
        }
    }

    fn parse_v4(bytes: &'a [u8]) -> Option<Self> {
        let header = usize::from(bytes.first()? & 0x0f) * 4;
        let total = usize::from(number(bytes, 2)?);
        let packet = bytes.get(..total)?;
        if header < IPV4_HEADER {
            return None;
        }
        Some(Self {
            bytes: packet,
            source: Ipv4Addr::from(array::<4>(packet, 12)?).into(),
            destination: Ipv4Addr::from(array::<4>(packet, 16)?).into(),
            protocol: *packet.get(9)?,
            payload: packet.get(header..)?,
        })
    }

    fn parse_v6(bytes: &'a [u8]) -> Option<Self> {
        let total = IPV6_HEADER + usize::from(number(bytes, 4)?);
        let packet = bytes.get(..total)?;
        Some(Self {
            bytes: packet,
            source: Ipv6Addr::from(array::<16>(packet, 8)?).into(),
            destination: Ipv6Addr::from(array::<16>(packet, 24)?).into(),
            protocol: *packet.get(6)?,
            payload: packet.get(IPV6_HEADER..)?,
        })
    }

    /// Whether the other end answers this at once: TCP with data, a beginning or an end. A bare
    /// acknowledgement and a reset have no answer.
    pub(super) fn wants_answer(&self) -> bool {
        let Some(flags) = self.tcp_flags() else {
            return false;
        };
        let header = self.payload.get(12).map_or(0, |b| usize::from(b >> 4) * 4);
        flags & RST == 0 && (flags & (SYN | FIN) != 0 || self.payload.len() > header)
    }

    /// Whether this is TCP and begins a connection, or answers such a beginning.
    pub(super) fn is_syn(&self) -> bool {
        self.tcp_flags().is_some_and(|flags| flags & SYN != 0)
    }

    /// What names a TCP segment with content.
    pub(super) fn segment(&self) -> Option<Segment> {
        let is_tcp = self.protocol == TCP;
        is_tcp
            .then(|| self.payload.first_chunk().copied())
            .flatten()
    }

    fn tcp_flags(&self) -> Option<u8> {
        (self.protocol == TCP)
            .then(|| self.payload.get(13).copied())
            .flatten()
    }
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;

/// The big-endian number at a place.
pub(super) fn number(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
