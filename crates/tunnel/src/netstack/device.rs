//! The device that smoltcp reads from and writes to: one packet in, a queue out.

use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

/// Buffers kept for the next packets. More are given back to the allocator.
const SPARE_BUFFERS: usize = 64;

/// Packets on their way into and out of smoltcp.
pub(super) struct Queue {
    mtu: usize,
    incoming: Vec<u8>,
    outgoing: Vec<Vec<u8>>,
    spare: Vec<Vec<u8>>,
}

impl Queue {
    pub(super) fn new(mtu: usize) -> Self {
        Self {
            mtu,
            incoming: Vec::new(),
            outgoing: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// Puts the packet that smoltcp is to read next.
    pub(super) fn put(&mut self, packet: &[u8]) {
        self.incoming.clear();
        self.incoming.extend_from_slice(packet);
    }

    /// Gives each packet that smoltcp wrote to `each`, oldest first.
    pub(super) fn drain(&mut self, mut each: impl FnMut(&[u8])) {
        for mut packet in self.outgoing.drain(..) {
            each(&packet);
            if self.spare.len() < SPARE_BUFFERS {
                packet.clear();
                self.spare.push(packet);
            }
        }
    }
}

impl Device for Queue {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Sent<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Sent<'_>)> {
        if self.incoming.is_empty() {
            return None;
        }
        let sent = Sent {
            outgoing: &mut self.outgoing,
            spare: &mut self.spare,
        };
        Some((Received(&mut self.incoming), sent))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sent<'_>> {
        Some(Sent {
            outgoing: &mut self.outgoing,
            spare: &mut self.spare,
        })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities
    }
}

/// The packet that came in.
pub(super) struct Received<'a>(&'a mut Vec<u8>);

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        let result = f(self.0);
        self.0.clear();
        result
    }
}

/// Room for a packet that goes out.
pub(super) struct Sent<'a> {
    outgoing: &'a mut Vec<Vec<u8>>,
    spare: &'a mut Vec<Vec<u8>>,
}

impl phy::TxToken for Sent<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut packet = self.spare.pop().unwrap_or_default();
        packet.resize(len, 0);
        let result = f(&mut packet);
        self.outgoing.push(packet);
        result
    }
}
