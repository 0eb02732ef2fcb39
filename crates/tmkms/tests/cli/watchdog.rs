//! The watchdog of the service manager, and a disk that takes its time: strace delays each sync.

use std::fs::File;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::home::{Home, TMKMS};
use crate::sandbox::left_out;
use crate::sandbox_traced::no_strace;
use crate::signer::{CHAIN, PATIENCE, Signer, node, sign};

/// Longer than the watchdog may wait, several times.
const SYNC: Duration = Duration::from_millis(1_500);

/// Every this long the watchdog hears that all is well.
const HEARD_EVERY: Duration = Duration::from_millis(200);

/// Waits for the next time that all is well; returns when it came.
fn heard(manager: &UnixDatagram) -> Instant {
    let mut buffer = [0; 4096];
    loop {
        let len = manager.recv(&mut buffer).expect("the watchdog to hear");
        if buffer[..len].starts_with(b"WATCHDOG=1") {
            return Instant::now();
        }
    }
}

#[test]
fn watchdog_hears_nothing_while_a_commit_does_not_end() {
    let home = Home::new();
    if left_out(no_strace(&home)) {
        return;
    }
    let node = node(&home);
    let manager = UnixDatagram::bind(home.path("notify")).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = Command::new("strace");
    let delay = format!("inject=fdatasync:delay_enter={}", SYNC.as_micros());
    command
        .args(["-f", "-D", "-qq", "-o", "/dev/null", "-e", &delay])
        .args([TMKMS, "start", "-c", "kms/tmkms.toml"]);
    home.prepare(&mut command)
        .env("NOTIFY_SOCKET", home.path("notify"))
        .env("WATCHDOG_USEC", (2 * HEARD_EVERY).as_micros().to_string())
        .stdout(File::create(home.path("signer.out")).unwrap())
        .stderr(File::create(home.path("signer.err")).unwrap());
    let signer = Signer::spawn(&home, &mut command);
    let mut connection = node.accept(PATIENCE).unwrap();
    let key = connection.public_key(CHAIN).unwrap();
    heard(&manager);
    let longest = std::thread::scope(|scope| {
        let signing = scope.spawn(|| sign(&mut connection, &key, 1));
        let (mut last, mut longest) = (heard(&manager), Duration::ZERO);
        while !signing.is_finished() {
            let now = heard(&manager);
            longest = longest.max(now - last);
            last = now;
        }
        longest
    });
    // One commit and not all three: between them the lock can be had for a moment.
    assert!(longest >= SYNC - HEARD_EVERY * 2, "{longest:?}");
    heard(&manager);
    assert_eq!(signer.stop().code, 0);
}
