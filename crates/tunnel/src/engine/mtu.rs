//! How large a packet the path to a peer carries.
//!
//! Nothing is asked of the peer, so that every WireGuard can be at the other end: the path is
//! taken for wide, and for narrower each time a large TCP segment goes out again and again in
//! vain (RFC 4821 finds black holes the same way). The netstack cuts its segments to what is found
//! while a connection stands.

use super::packet::outside;

/// What to try, in bytes inside the tunnel. The first is what fits into 1,500 bytes with IPv6
/// outside, the last is tried whatever the path says.
const STEPS: [u16; 6] = [1420, 1380, 1280, 1200, 1100, LEAST];

/// The last step.
const LEAST: u16 = 1000;

/// Bytes of IPv6, UDP and WireGuard around a packet.
const AROUND: u32 = 40 + 8 + 32;

/// So many times in a row the same segment may go out.
const TRIES: u8 = 4;

/// No IPv6 link is narrower (RFC 8200, section 5).
const LEAST_IPV6: u16 = 1280;

/// The MTU inside the tunnel to one peer.
pub(super) struct PathMtu {
    current: u16,
    is_fixed: bool,
    /// The last large segment, and how many times it was sent.
    suspect: Option<(Segment, u8)>,
}

/// Ports and sequence number, which a segment keeps when it is sent again.
type Segment = [u8; 8];

impl PathMtu {
    /// The one that is configured, which stays, or the widest.
    pub(super) fn new(configured: Option<u16>) -> Self {
        Self {
            current: configured.unwrap_or(STEPS[0]),
            is_fixed: configured.is_some(),
            suspect: None,
        }
    }

    pub(super) fn current(&self) -> u16 {
        self.current
    }

    /// Looks at a packet that goes out. `Some` when the path is taken for narrower from now on.
    pub(super) fn sent(&mut self, packet: &[u8]) -> Option<u16> {
        let narrower = STEPS.into_iter().find(|step| *step < self.current)?;
        if self.is_fixed || packet.len() <= narrower.into() {
            return None;
        }
        let segment = segment(packet)?;
        let tries = match self.suspect {
            Some((last, tries)) if last == segment => tries.saturating_add(1),
            _ => 1,
        };
        self.suspect = Some((segment, tries));
        let is_ipv6 = packet.first().is_some_and(|first| first >> 4 == 6);
        if tries < TRIES || (is_ipv6 && narrower < LEAST_IPV6) {
            return None;
        }
        self.narrow(narrower)
    }

    /// The network says that datagrams of at most `bytes`, with their IP header, pass.
    pub(super) fn too_big(&mut self, bytes: u32) -> Option<u16> {
        let inside = u16::try_from(bytes.saturating_sub(AROUND)).unwrap_or(u16::MAX);
        let fits = STEPS.into_iter().find(|step| *step <= inside);
        let mtu = fits.unwrap_or(LEAST);
        if self.is_fixed || mtu >= self.current {
            return None;
        }
        self.narrow(mtu)
    }

    fn narrow(&mut self, mtu: u16) -> Option<u16> {
        self.current = mtu;
        self.suspect = None;
        Some(mtu)
    }
}

/// What names a TCP segment with content; `None` for anything else.
fn segment(packet: &[u8]) -> Option<Segment> {
    const TCP: u8 = 6;
    outside(packet)?;
    let first = packet.first()?;
    let (protocol, header) = match first >> 4 {
        4 => (*packet.get(9)?, usize::from(first & 0x0F) * 4),
        _ => (*packet.get(6)?, 40),
    };
    let ports_and_number = packet.get(header..)?.first_chunk::<8>()?;
    (protocol == TCP).then_some(*ports_and_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(len: u16, number: u8) -> Vec<u8> {
        let mut packet = vec![0; len.into()];
        packet[0] = 0x45;
        packet[2..4].copy_from_slice(&len.to_be_bytes());
        packet[9] = 6;
        packet[27] = number;
        packet
    }

    #[test]
    fn large_segment_sent_in_vain_narrows_the_path_step_by_step() {
        let mut path = PathMtu::new(None);
        assert_eq!(path.current(), 1420);
        let mut found = Vec::new();
        for _ in 0..40 {
            let len = path.current();
            found.extend(path.sent(&tcp(len, 1)));
        }
        assert_eq!(found, [1380, 1280, 1200, 1100, LEAST]);
        assert_eq!(path.current(), 1000);
    }

    #[test]
    fn segments_that_are_acknowledged_narrow_nothing() {
        let mut path = PathMtu::new(None);
        for number in 0..200 {
            assert_eq!(path.sent(&tcp(1420, number)), None);
            assert_eq!(path.sent(&tcp(1420, number)), None);
        }
    }

    #[test]
    fn segment_that_a_narrower_path_would_carry_says_nothing_about_this_one() {
        let mut path = PathMtu::new(None);
        for _ in 0..20 {
            assert_eq!(path.sent(&tcp(1380, 1)), None);
        }
    }

    #[test]
    fn configured_mtu_stays() {
        let mut path = PathMtu::new(Some(1420));
        for _ in 0..20 {
            assert_eq!(path.sent(&tcp(1420, 1)), None);
        }
        assert_eq!(path.too_big(1280), None);
        assert_eq!(path.current(), 1420);
    }

    #[test]
    fn size_that_the_network_names_is_taken_down_to_the_least() {
        let mut path = PathMtu::new(None);
        assert_eq!(path.too_big(9000), None);
        assert_eq!(path.too_big(1400), Some(1280));
        assert_eq!(path.too_big(1500), None);
        assert_eq!(path.too_big(68), Some(1000));
    }

    #[test]
    fn ipv6_inside_never_gets_less_than_it_needs() {
        let mut packet = tcp(1420, 1);
        packet[0] = 0x60;
        packet[4..6].copy_from_slice(&1380_u16.to_be_bytes());
        packet[6] = 6;
        let mut path = PathMtu::new(None);
        for _ in 0..20 {
            path.sent(&packet);
        }
        assert_eq!(path.current(), 1280);
    }
}
