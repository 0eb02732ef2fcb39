//! `[metrics]` moves, goes and comes with a reload.

use std::net::{SocketAddr, TcpListener, TcpStream};

use testnode::Listener;

use super::{is_untouched, listeners, reload};
use crate::support::{Asker, CHAIN, Home, PATIENCE, Rig, Tmkms, address, get};

/// Where it is measured since the nth time that it was said.
fn measured_at(tmkms: &Tmkms, nth: usize) -> SocketAddr {
    let line = tmkms.wait_for_nth("a page to look at: http://", nth);
    let (_, address) = line.split_once("http://").unwrap();
    address.trim_end_matches('/').parse().unwrap()
}

fn is_closed(at: SocketAddr) -> bool {
    TcpStream::connect(at).is_err()
}

fn listen(address: impl std::fmt::Display) -> String {
    format!("[metrics]\nlisten = \"{address}\"\n")
}

#[test]
fn listener_moves_is_closed_and_comes_back_in_the_sandbox() {
    let Rig {
        mut home,
        tmkms,
        node,
    } = Rig::measured();
    let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
    let first = tmkms.metrics();
    let toml = home.toml();
    let without = toml.replace(&listen("127.0.0.1:0"), "");
    home.set_toml(toml.replace("127.0.0.1:0", "127.0.0.2:0"));
    let line = reload(&tmkms, &home, "is applied", 1);
    let second = measured_at(&tmkms, 2);
    assert!(
        line.ends_with(&format!(", metrics on {second}")) && second.ip().to_string() == "127.0.0.2",
        "{line}"
    );
    assert!(is_closed(first));
    assert_eq!(get(second, "/readyz").status, 200);
    is_untouched(&mut asker, &node, 1);
    home.set_toml(without);
    let line = reload(&tmkms, &home, "is applied", 2);
    assert!(line.ends_with(", metrics closed"), "{line}");
    tmkms.wait_for(&format!("http://{second}/ is closed"));
    assert!(is_closed(second));
    is_untouched(&mut asker, &node, 2);
    home.set_toml(toml);
    reload(&tmkms, &home, ", metrics on 127.0.0.1:", 1);
    assert_eq!(get(measured_at(&tmkms, 3), "/healthz").status, 200);
    is_untouched(&mut asker, &node, 3);
    tmkms.stop();
}

#[test]
fn address_that_cannot_be_had_refuses_the_whole_file_and_the_old_one_is_answered_on() {
    let Rig {
        mut home,
        tmkms,
        node,
    } = Rig::measured();
    let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
    let at = tmkms.metrics();
    let toml = home.toml();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().map(|address| (taken, address)).unwrap();
    let other = Listener::unix(&home.path("other.sock")).unwrap();
    home.set_toml(toml.replace("127.0.0.1:0", &taken.1.to_string()));
    home.add_node(CHAIN, "unix://other.sock", "");
    reload(&tmkms, &home, "nothing of", 1);
    let reason = tmkms.wait_for("cannot listen on");
    let told = format!(
        ": cannot listen on {}: Address already in use (os error 98); name another address or \
         port, [metrics] listen = \"IP:PORT\" in tmkms.toml",
        taken.1
    );
    assert!(
        reason.contains("tmkms.toml:") && reason.ends_with(&told),
        "{reason}"
    );
    assert!(other.accept_raw(super::Duration::from_millis(200)).is_err());
    // Nor does it move when something else is wrong.
    home.set_toml(toml.replace("127.0.0.1:0", "127.0.0.2:0"));
    home.add_lines("[status]\nsocket = \"off\"");
    reload(&tmkms, &home, "nothing of", 2);
    assert_eq!(get(at, "/healthz").status, 200);
    assert_eq!(tmkms.count("a page to look at"), 1);
    is_untouched(&mut asker, &node, 1);
    tmkms.stop();
}

#[test]
fn listener_widens_and_narrows_on_its_own_port() {
    let Rig {
        mut home,
        tmkms,
        node: _node,
    } = Rig::measured();
    let narrow = tmkms.metrics();
    let wide = SocketAddr::from(([0, 0, 0, 0], narrow.port()));
    let toml = home.toml();
    for (nth, address) in (1..).zip([narrow, wide, narrow]) {
        home.set_toml(toml.replace("127.0.0.1:0", &address.to_string()));
        let line = reload(&tmkms, &home, "is applied", nth);
        assert!(line.ends_with(&format!(", metrics on {address}")), "{line}");
        assert_eq!(get(narrow, "/healthz").status, 200);
        let elsewhere = SocketAddr::from(([127, 0, 0, 2], narrow.port()));
        assert_eq!(is_closed(elsewhere), address == narrow);
    }
    // Told to whoever opens it.
    assert_eq!(tmkms.count("can read the metrics and the page"), 1);
    tmkms.stop();
}

#[test]
fn metrics_are_added_where_there_is_no_sandbox() {
    let node = Listener::tcp().unwrap();
    let mut home = Home::of_node(&node);
    let tmkms = home.start_with(&["--no-sandbox"]);
    let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
    home.add_metrics();
    reload(&tmkms, &home, ", metrics on 127.0.0.1:", 1);
    assert_eq!(get(tmkms.metrics(), "/healthz").status, 200);
    is_untouched(&mut asker, &node, 1);
    tmkms.stop();
}

#[test]
fn port_that_was_taken_at_the_start_is_tried_again_and_costs_no_reload() {
    let [node, added] = listeners();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap();
    let mut home = Home::of_node(&node);
    home.add_lines(&listen(at));
    let tmkms = home.start();
    let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
    tmkms.wait_for("no metrics: cannot listen on");
    home.add_node(CHAIN, &address(&added), "");
    let line = reload(&tmkms, &home, "is applied", 1);
    assert!(
        line.contains("1 nodes added") && !line.contains("metrics"),
        "{line}"
    );
    tmkms.wait_for_nth("no metrics: cannot listen on", 2);
    drop(taken);
    let line = reload(&tmkms, &home, "is applied", 2);
    assert!(line.ends_with(&format!(", metrics on {at}")), "{line}");
    assert_eq!(get(at, "/healthz").status, 200);
    is_untouched(&mut asker, &node, 1);
    tmkms.stop();
}
