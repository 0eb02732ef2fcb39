//! What the service manager is told, on a socket of the test's own.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use testnode::Listener;

use crate::support::{Asker, CHAIN, Home, PATIENCE, Tmkms, prevote};

struct Manager {
    socket: UnixDatagram,
    tmkms: Tmkms,
    node: Listener,
    home: Home,
}

fn start(watchdog: Option<Duration>) -> Manager {
    let node = Listener::tcp().unwrap();
    let home = Home::of_node(&node);
    let path = home.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let micros = watchdog.map(|it| it.as_micros().to_string());
    let mut environment = vec![("NOTIFY_SOCKET", path.to_str().unwrap())];
    environment.extend(micros.as_deref().map(|it| ("WATCHDOG_USEC", it)));
    let tmkms = home.start_in(&environment);
    Manager {
        socket,
        tmkms,
        node,
        home,
    }
}

impl Manager {
    fn next(&self) -> String {
        let mut buffer = [0; 4096];
        let len = self.socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    }

    /// Skips what comes before.
    fn wait_for(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told = self.next();
            if told.contains(text) {
                return told;
            }
            assert!(Instant::now() < deadline, "no {text:?}");
        }
    }
}

fn monotonic_micros() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

#[test]
fn a_whole_life_is_told() {
    let manager = start(None);
    assert_eq!(
        manager.next(),
        "READY=1\nSTATUS=signing for 1 chain, 0 of 1 node connected\n"
    );
    let mut asker = Asker::new(manager.node.accept(PATIENCE).unwrap());
    manager.wait_for("STATUS=signing for 1 chain, 1 of 1 node connected\n");
    let before = monotonic_micros();
    manager.tmkms.signal(Signal::HUP);
    let told = manager.wait_for("RELOADING=1\n");
    let micros = told.split_once("MONOTONIC_USEC=").unwrap().1.trim_end();
    let micros: i64 = micros.parse().unwrap();
    assert!(micros >= before && micros <= monotonic_micros(), "{told}");
    manager.wait_for("READY=1\n");
    asker.sign(&prevote(1, "a"));
    manager.tmkms.signal(Signal::TERM);
    manager.wait_for("STOPPING=1\n");
    let ended = manager.tmkms.wait();
    assert_eq!(ended.status.code(), Some(0), "{:#?}", ended.lines);
    drop(manager.home);
}

#[test]
fn watchdog_hears_twice_as_often_as_it_expects() {
    let manager = start(Some(Duration::from_millis(600)));
    let started = Instant::now();
    for _ in 0..6 {
        manager.wait_for("WATCHDOG=1\n");
    }
    let took = started.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
    manager.tmkms.stop();
}

/// The state is replaced under the running signer: its chain stops, and with it the watchdog.
#[test]
fn watchdog_hears_nothing_once_every_chain_has_stopped() {
    let manager = start(Some(Duration::from_millis(400)));
    let mut asker = Asker::new(manager.node.accept(PATIENCE).unwrap());
    asker.sign(&prevote(1, "a"));
    manager.wait_for("WATCHDOG=1\n");
    std::fs::remove_file(manager.home.path(format!("state/{CHAIN}.json.ring"))).unwrap();
    asker.refused(&prevote(2, "a"));
    manager
        .tmkms
        .wait_for("the watchdog is not told that all is well: every chain has stopped");
    // What was on its way.
    manager.socket.set_nonblocking(true).unwrap();
    while manager.socket.recv(&mut [0; 4096]).is_ok() {}
    std::thread::sleep(Duration::from_millis(800));
    let mut heard = String::new();
    let mut buffer = [0; 4096];
    while let Ok(len) = manager.socket.recv(&mut buffer) {
        heard.push_str(&String::from_utf8_lossy(&buffer[..len]));
    }
    assert!(!heard.contains("WATCHDOG"), "{heard}");
    manager.tmkms.stop();
}

#[test]
fn manager_that_is_not_there_costs_a_warning_only() {
    let node = Listener::tcp().unwrap();
    let home = Home::of_node(&node);
    let path = home.path("nobody");
    let tmkms = home.start_in(&[("NOTIFY_SOCKET", path.to_str().unwrap())]);
    Asker::new(node.accept(PATIENCE).unwrap()).sign(&prevote(1, "a"));
    tmkms.wait_for("and nobody is there");
    tmkms.stop();
}
