//! Echo requests of a given size, and what belongs to them (RFC 792, RFC 4443).

use std::net::IpAddr;

use super::packet::{IPV4_HEADER, IPV6_HEADER, IpPacket, number};

const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
/// Request and reply of each version.
const ECHO_V4: (u8, u8) = (8, 0);
const ECHO_V6: (u8, u8) = (128, 129);
/// Type, code, checksum, identifier, sequence number.
const HEADER: usize = 8;
/// Our probes begin with this, so that nothing else is answered.
const MARK: &[u8; 16] = b"tmkms tunnel MTU";

/// A request that is, as a whole packet, of this size in bytes.
pub(super) fn probe(source: IpAddr, destination: IpAddr, size: u16) -> Option<Vec<u8>> {
    let echo = if source.is_ipv4() { ECHO_V4 } else { ECHO_V6 };
    let mut body = vec![echo.0, 0, 0, 0, 0x6d, 0x74];
    body.extend(size.to_be_bytes());
    body.extend(MARK);
    let header = header_len(source);
    body.resize(usize::from(size).checked_sub(header)?, 0);
    packet(source, destination, body)
}

/// The size that this answer is for, if it answers a probe.
pub(super) fn answered(packet: &IpPacket<'_>) -> Option<u16> {
    is_marked(packet, |echo| echo.1).then(|| number(packet.payload, 6))?
}

/// The answer to a probe.
pub(super) fn answer(request: &IpPacket<'_>) -> Option<Vec<u8>> {
    if !is_marked(request, |echo| echo.0) {
        return None;
    }
    let mut body = request.payload.to_vec();
    let echo = if request.source.is_ipv4() {
        ECHO_V4
    } else {
        ECHO_V6
    };
    *body.first_mut()? = echo.1;
    body.get_mut(2..4)?.fill(0);
    packet(request.destination, request.source, body)
}

fn is_marked(packet: &IpPacket<'_>, kind: impl Fn((u8, u8)) -> u8) -> bool {
    let (protocol, echo) = match packet.source {
        IpAddr::V4(_) => (ICMP, ECHO_V4),
        IpAddr::V6(_) => (ICMPV6, ECHO_V6),
    };
    packet.protocol == protocol
        && packet.payload.first() == Some(&kind(echo))
        && packet.payload.get(HEADER..HEADER + MARK.len()) == Some(MARK.as_slice())
}

fn header_len(address: IpAddr) -> usize {
    match address {
        IpAddr::V4(_) => IPV4_HEADER,
        IpAddr::V6(_) => IPV6_HEADER,
    }
}

/// The packet around a body whose checksum is still zero.
fn packet(source: IpAddr, destination: IpAddr, mut body: Vec<u8>) -> Option<Vec<u8>> {
    let len = u16::try_from(body.len()).ok()?;
    let mut packet = Vec::with_capacity(header_len(source) + body.len());
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let total = len.checked_add(IPV4_HEADER as u16)?;
            packet.extend([0x45, 0]);
            packet.extend(total.to_be_bytes());
            packet.extend([0, 0, 0x40, 0, 64, ICMP, 0, 0]);
            packet.extend(source.octets());
            packet.extend(destination.octets());
            let sum = checksum([packet.as_slice()]);
            packet.get_mut(10..12)?.copy_from_slice(&sum);
            let sum = checksum([body.as_slice()]);
            body.get_mut(2..4)?.copy_from_slice(&sum);
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            packet.extend([0x60, 0, 0, 0]);
            packet.extend(len.to_be_bytes());
            packet.extend([ICMPV6, 64]);
            packet.extend(source.octets());
            packet.extend(destination.octets());
            let [high, low] = len.to_be_bytes();
            let pseudo = [0, 0, high, low, 0, 0, 0, ICMPV6];
            let addresses = packet.get(8..)?;
            let sum = checksum([addresses, &pseudo, &body]);
            body.get_mut(2..4)?.copy_from_slice(&sum);
        }
        _ => return None,
    }
    packet.extend(body);
    Some(packet)
}

/// The internet checksum over parts, of which all but the last have an even length (RFC 1071).
pub(super) fn checksum<const N: usize>(parts: [&[u8]; N]) -> [u8; 2] {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let sum: u64 = words
        .map(|word| {
            let high = word.first().copied().unwrap_or_default();
            let low = word.get(1).copied().unwrap_or_default();
            u64::from(u16::from_be_bytes([high, low]))
        })
        .sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    (!(sum as u16)).to_be_bytes()
}
