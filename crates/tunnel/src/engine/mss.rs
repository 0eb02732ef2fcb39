//! TCP agrees on the size of its segments when a connection begins. The engine knows the path
//! better than either end, and lowers what they say (as routers do with `TCPMSS`).

use super::packet::{IPV4_HEADER, IPV6_HEADER, IpPacket, number};

const TCP_HEADER: usize = 20;
const END: u8 = 0;
const NOTHING: u8 = 1;
const MSS: u8 = 2;

/// The packet with an MSS that fits the MTU, if it is a SYN with a larger one.
pub(super) fn lowered(packet: &IpPacket<'_>, mtu: u16) -> Option<Vec<u8>> {
    if !packet.is_syn() {
        return None;
    }
    let header = if packet.source.is_ipv4() {
        IPV4_HEADER
    } else {
        IPV6_HEADER
    };
    let fits = mtu.checked_sub((header + TCP_HEADER) as u16)?;
    let at = mss_at(packet.payload)?;
    let asked = number(packet.payload, at)?;
    if asked <= fits {
        return None;
    }
    let mut lowered = packet.bytes.to_vec();
    let start = packet.bytes.len() - packet.payload.len();
    let tcp = lowered.get_mut(start..)?;
    tcp.get_mut(at..at + 2)?
        .copy_from_slice(&fits.to_be_bytes());
    let sum = updated(number(tcp, 16)?, asked, fits, at % 2 == 1);
    tcp.get_mut(16..18)?.copy_from_slice(&sum.to_be_bytes());
    Some(lowered)
}

/// Where the number of the MSS option is.
fn mss_at(tcp: &[u8]) -> Option<usize> {
    let end = usize::from(tcp.get(12)? >> 4) * 4;
    let mut at = TCP_HEADER;
    while at < end {
        match *tcp.get(at)? {
            END => return None,
            NOTHING => at += 1,
            MSS if *tcp.get(at + 1)? == 4 => return Some(at + 2),
            _ => at += usize::from(*tcp.get(at + 1)?).max(2),
        }
    }
    None
}

/// The checksum after one number of it has changed (RFC 1624). At an odd place its bytes count
/// the other way round.
fn updated(sum: u16, before: u16, after: u16, odd: bool) -> u16 {
    let turn = |n: u16| if odd { n.swap_bytes() } else { n };
    let sum = u32::from(!sum) + u32::from(!turn(before)) + u32::from(turn(after));
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    !(sum as u16)
}
