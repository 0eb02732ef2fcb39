//! Packets looked at before smoltcp gets them, and fitted to the path after it made them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    IpProtocol, IpRepr, IpVersion, Ipv4Packet, Ipv4Repr, Ipv6Packet, Ipv6Repr, TcpControl,
    TcpPacket, TcpRepr,
};

/// What a packet from a peer is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// A whole TCP segment with right checksums.
    Tcp(Segment),
    /// A router or host says that a segment of ours could not be delivered.
    Undelivered {
        /// Our end of the connection.
        local: SocketAddr,
        /// The end that is not reached.
        remote: SocketAddr,
        /// Whether the host was reached and has nobody there.
        refused: bool,
    },
}

/// The header of a segment, as far as it decides who gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    /// A SYN without ACK: somebody wants a connection.
    pub(super) opens: bool,
    /// RST.
    pub(super) resets: bool,
}

/// Reads a packet. `None` is anything that nobody here listens to: fragments, UDP, echo requests,
/// extension headers, wrong checksums.
pub(super) fn see(packet: &[u8]) -> Option<Seen> {
    let (ip, payload) = parse_ip(packet)?;
    match ip.next_header() {
        IpProtocol::Tcp => see_tcp(&ip, payload),
        IpProtocol::Icmp => see_icmp_v4(payload),
        IpProtocol::Icmpv6 => see_icmp_v6(payload),
        _ => None,
    }
}

fn parse_ip(packet: &[u8]) -> Option<(IpRepr, &[u8])> {
    // smoltcp indexes the first byte.
    packet.first()?;
    match IpVersion::of_packet(packet).ok()? {
        IpVersion::Ipv4 => {
            let packet = Ipv4Packet::new_checked(packet).ok()?;
            if packet.more_frags() || packet.frag_offset() != 0 {
                return None;
            }
            let ip = Ipv4Repr::parse(&packet, &ChecksumCapabilities::default()).ok()?;
            Some((IpRepr::Ipv4(ip), packet.payload()))
        }
        IpVersion::Ipv6 => {
            let packet = Ipv6Packet::new_checked(packet).ok()?;
            let ip = Ipv6Repr::parse(&packet).ok()?;
            Some((IpRepr::Ipv6(ip), packet.payload()))
        }
    }
}

fn parse_tcp<'a>(ip: &IpRepr, payload: &'a [u8]) -> Option<TcpRepr<'a>> {
    let packet = TcpPacket::new_checked(payload).ok()?;
    let checksums = ChecksumCapabilities::default();
    TcpRepr::parse(&packet, &ip.src_addr(), &ip.dst_addr(), &checksums).ok()
}

fn see_tcp(ip: &IpRepr, payload: &[u8]) -> Option<Seen> {
    let tcp = parse_tcp(ip, payload)?;
    Some(Seen::Tcp(Segment {
        source: SocketAddr::new(ip.src_addr().into(), tcp.src_port),
        destination: SocketAddr::new(ip.dst_addr().into(), tcp.dst_port),
        opens: tcp.control == TcpControl::Syn && tcp.ack_number.is_none(),
        resets: tcp.control == TcpControl::Rst,
    }))
}

/// Destination unreachable (RFC 792): type 3; code 3 is the port, 2 the protocol.
fn see_icmp_v4(payload: &[u8]) -> Option<Seen> {
    let [3, code, ..] = *payload else { return None };
    let inner = payload.get(8..)?;
    let header_len = usize::from(inner.first()? & 0x0f) * 4;
    if *inner.get(9)? != 6 {
        return None;
    }
    let source: [u8; 4] = inner.get(12..16)?.try_into().ok()?;
    let destination: [u8; 4] = inner.get(16..20)?.try_into().ok()?;
    undelivered(
        Ipv4Addr::from(source).into(),
        Ipv4Addr::from(destination).into(),
        inner.get(header_len..)?,
        code == 3 || code == 2,
    )
}

/// Destination unreachable (RFC 4443, 3.1): type 1; code 4 is the port.
fn see_icmp_v6(payload: &[u8]) -> Option<Seen> {
    let [1, code, ..] = *payload else { return None };
    let inner = payload.get(8..)?;
    if *inner.get(6)? != 6 {
        return None;
    }
    let source: [u8; 16] = inner.get(8..24)?.try_into().ok()?;
    let destination: [u8; 16] = inner.get(24..40)?.try_into().ok()?;
    undelivered(
        Ipv6Addr::from(source).into(),
        Ipv6Addr::from(destination).into(),
        inner.get(40..)?,
        code == 4,
    )
}

fn undelivered(from: IpAddr, to: IpAddr, ports: &[u8], refused: bool) -> Option<Seen> {
    let [a, b, c, d, ..] = *ports else {
        return None;
    };
    Some(Seen::Undelivered {
        local: SocketAddr::new(from, u16::from_be_bytes([a, b])),
        remote: SocketAddr::new(to, u16::from_be_bytes([c, d])),
        refused,
    })
}

/// Where a packet of ours goes.
pub(super) fn destination(packet: &[u8]) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => Some(<[u8; 4]>::try_from(packet.get(16..20)?).ok()?.into()),
        6 => Some(<[u8; 16]>::try_from(packet.get(24..40)?).ok()?.into()),
        _ => None,
    }
}

/// Makes a packet of ours fit the path and gives what is to be sent to `emit`.
///
/// smoltcp has one MTU for all peers and for ever; what a path carries differs by peer and is
/// found out while connections stand. So a SYN asks for segments that fit the path as it is
/// known, and a segment that has become too long is cut into several.
pub(super) fn fit(packet: &[u8], mtu: usize, emit: &mut impl FnMut(&[u8])) {
    if packet.len() <= mtu && !is_syn(packet) {
        return emit(packet);
    }
    let Some((ip, payload)) = parse_ip(packet) else {
        return emit(packet);
    };
    let Some(mut tcp) = parse_tcp(&ip, payload) else {
        return emit(packet);
    };
    let room = mtu
        .saturating_sub(ip.header_len() + tcp.header_len())
        .max(1);
    if let Some(wanted) = tcp.max_seg_size {
        let fitting = mtu.saturating_sub(ip.header_len() + TCP_HEADER_LEN);
        tcp.max_seg_size = Some(wanted.min(u16::try_from(fitting).unwrap_or(u16::MAX)));
    }
    let mut buffer = Vec::with_capacity(packet.len());
    let mut rest = tcp.payload;
    loop {
        let (head, tail) = rest.split_at(rest.len().min(room));
        let mut piece = tcp;
        piece.payload = head;
        if !tail.is_empty() {
            piece.control = TcpControl::None;
        }
        write(&ip, &piece, &mut buffer);
        emit(&buffer);
        if tail.is_empty() {
            return;
        }
        tcp.seq_number += head.len();
        rest = tail;
    }
}

/// Without options.
const TCP_HEADER_LEN: usize = 20;

fn is_syn(packet: &[u8]) -> bool {
    let header_len = match packet.first() {
        Some(first) if first >> 4 == 4 => usize::from(first & 0x0f) * 4,
        _ => 40,
    };
    packet
        .get(header_len + 13)
        .is_some_and(|flags| flags & 0x02 != 0)
}

fn write(ip: &IpRepr, tcp: &TcpRepr<'_>, buffer: &mut Vec<u8>) {
    let checksums = ChecksumCapabilities::default();
    let mut ip = ip.clone();
    ip.set_payload_len(tcp.buffer_len());
    buffer.clear();
    buffer.resize(ip.header_len() + tcp.buffer_len(), 0);
    ip.emit(buffer.as_mut_slice(), &checksums);
    let (_, payload) = buffer.split_at_mut(ip.header_len());
    let mut packet = TcpPacket::new_unchecked(payload);
    tcp.emit(&mut packet, &ip.src_addr(), &ip.dst_addr(), &checksums);
}

#[cfg(test)]
mod tests;
