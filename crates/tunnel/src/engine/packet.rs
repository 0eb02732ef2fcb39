//! As much of an IP packet as WireGuard looks at (whitepaper, section 2): who sent it, for whom,
//! and how long it is, since data messages are padded.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The outside of an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outside {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    /// Bytes of the packet, without padding.
    pub(super) len: usize,
}

/// Reads it; `None` when this is no whole IP packet.
pub(super) fn outside(packet: &[u8]) -> Option<Outside> {
    let outside = match packet.first()? >> 4 {
        4 => Outside {
            source: v4(packet, 12)?,
            destination: v4(packet, 16)?,
            len: be16(packet, 2)?,
        },
        6 => Outside {
            source: v6(packet, 8)?,
            destination: v6(packet, 24)?,
            len: be16(packet, 4)?.checked_add(40)?,
        },
        _ => return None,
    };
    let shortest = match outside.source {
        IpAddr::V4(_) => 20,
        IpAddr::V6(_) => 40,
    };
    (shortest..=packet.len())
        .contains(&outside.len)
        .then_some(outside)
}

fn take<const N: usize>(packet: &[u8], at: usize) -> Option<[u8; N]> {
    packet.get(at..)?.first_chunk::<N>().copied()
}

fn be16(packet: &[u8], at: usize) -> Option<usize> {
    take::<2>(packet, at).map(|bytes| u16::from_be_bytes(bytes).into())
}

fn v4(packet: &[u8], at: usize) -> Option<IpAddr> {
    take::<4>(packet, at).map(|bytes| Ipv4Addr::from(bytes).into())
}

fn v6(packet: &[u8], at: usize) -> Option<IpAddr> {
    take::<16>(packet, at).map(|bytes| Ipv6Addr::from(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ipv4(len: u16, bytes: usize) -> Vec<u8> {
        let mut packet = vec![0; bytes];
        packet[0] = 0x45;
        packet[2..4].copy_from_slice(&len.to_be_bytes());
        packet[12..16].copy_from_slice(&[10, 200, 0, 2]);
        packet[16..20].copy_from_slice(&[10, 200, 0, 1]);
        packet
    }

    #[test]
    fn length_is_that_of_the_header_without_the_padding() {
        let found = outside(&ipv4(41, 48)).unwrap();
        assert_eq!(found.len, 41);
        assert_eq!(found.source, IpAddr::from([10, 200, 0, 2]));
        assert_eq!(found.destination, IpAddr::from([10, 200, 0, 1]));
    }

    #[test]
    fn what_is_no_whole_packet_is_none() {
        for packet in [
            vec![],
            vec![0x45; 19],
            ipv4(19, 48),
            ipv4(49, 48),
            vec![0x65; 39],
            vec![0x75; 100],
        ] {
            assert_eq!(outside(&packet), None, "{packet:?}");
        }
    }

    #[test]
    fn sixth_version_has_its_length_without_the_header() {
        let mut packet = vec![0; 64];
        packet[0] = 0x60;
        packet[5] = 20;
        packet[23] = 2;
        packet[39] = 1;
        let found = outside(&packet).unwrap();
        assert_eq!(found.len, 60);
        assert_eq!(found.source, "::2".parse::<IpAddr>().unwrap());
        assert_eq!(found.destination, "::1".parse::<IpAddr>().unwrap());
    }
}
