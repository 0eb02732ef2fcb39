//! Loopback ports that no other test of this process is given.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range the kernel takes outgoing ports from (32768 and up), so that
/// a connection of one test cannot sit on a port that another was promised.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

/// A port on 127.0.0.1 that was free a moment ago and is handed out only once.
///
/// # Panics
/// When every port of the range is taken.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Two runs at once on one machine start at different places.
    let offset = u16::try_from(std::process::id() * 97 % u32::from(COUNT)).unwrap();
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST
            + u16::try_from((u32::from(offset) + u32::from(step)) % u32::from(COUNT)).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}
