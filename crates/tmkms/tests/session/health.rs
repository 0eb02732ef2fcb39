//! `/healthz` and `/readyz`, held against a signer of which one part after the other is broken.

use std::fs;
use std::time::{Duration, Instant};

use testnode::Listener;

use crate::support::{CHAIN, Got, Home, PATIENCE, Rig, address, get, get_when, precommit, prevote};

fn is(status: u16) -> impl Fn(&Got) -> bool {
    move |got| got.status == status
}

#[test]
fn signer_is_ready_once_its_node_is_connected_and_for_a_while_after() {
    let rig = Rig::measured();
    let at = rig.tmkms.metrics();
    let node = address(&rig.node);
    let got = get(at, "/readyz");
    assert_eq!(got.status, 503, "{got:?}");
    let told = format!("chain {CHAIN}: not ready: no node is connected: {node} has not been for ");
    assert!(got.body.starts_with(&told), "{got:?}");
    assert_eq!(get(at, "/healthz").status, 200);
    let asker = rig.accept();
    let got = get_when(at, "/readyz", is(200));
    let key = keys::show::address_hex(&asker.key);
    let expected = format!(
        "chain {CHAIN}: ready: key {key} is loaded, its state can be written, {node} is connected\n"
    );
    assert_eq!(got.body, expected);
    let Rig {
        tmkms,
        node,
        home: _home,
    } = rig;
    drop((asker, node));
    let lost = Instant::now();
    let got = get_when(at, "/readyz?within=0", is(503));
    assert!(
        got.body.contains("(connection refused)") || got.body.contains("closed the connection"),
        "{got:?}"
    );
    assert_eq!(
        get(at, "/readyz").status,
        200,
        "a restart of the node is no reason"
    );
    let got = get_when(at, "/readyz?within=2", is(503));
    assert!(lost.elapsed() > Duration::from_secs(1), "{got:?}");
    tmkms.stop();
}

#[test]
fn state_file_that_was_moved_is_told_before_anybody_asks_for_a_signature() {
    let rig = Rig::measured();
    let at = rig.tmkms.metrics();
    let mut asker = rig.accept();
    asker.sign(&prevote(1, "a"));
    get_when(at, "/readyz", is(200));
    for name in [format!("{CHAIN}.json"), format!("{CHAIN}.json.ring")] {
        let file = rig.home.path(format!("state/{name}"));
        let away = rig.home.path("away");
        fs::rename(&file, &away).unwrap();
        let got = get(at, "/readyz");
        let told = format!(
            "chain {CHAIN}: not ready: its state cannot be written: {} is gone: No such file or \
             directory (os error 2)\n",
            file.display()
        );
        assert_eq!((got.status, got.body), (503, told));
        fs::write(&file, "").unwrap();
        let got = get(at, "/readyz");
        assert!(
            got.body.ends_with("was replaced by another one\n"),
            "{got:?}"
        );
        fs::rename(&away, &file).unwrap();
        assert_eq!(get(at, "/readyz").status, 200);
    }
    // It was told from the looks of it, and nothing was broken by that.
    asker.sign(&precommit(1, "a"));
}

#[test]
fn chain_that_stopped_is_not_ready_and_alive_all_the_same() {
    let rig = Rig::measured();
    let at = rig.tmkms.metrics();
    let mut asker = rig.accept();
    asker.sign(&prevote(1, "a"));
    let file = rig.home.state_file(CHAIN);
    let away = rig.home.path("away");
    fs::rename(&file, &away).unwrap();
    asker.refused(&precommit(1, "a"));
    fs::rename(&away, &file).unwrap();
    let got = get_when(at, "/readyz", |got| got.body.contains("nothing was signed"));
    assert_eq!(got.status, 503);
    let told = format!(
        "chain {CHAIN}: not ready: nothing was signed because the state could not be written"
    );
    assert!(got.body.starts_with(&told), "{got:?}");
    assert_eq!(get(at, "/healthz").status, 200);
}

#[test]
fn chain_without_a_past_is_not_ready_while_it_lets_heights_pass() {
    let rig = Rig::measured();
    let at = rig.tmkms.metrics();
    let mut asker = rig.accept();
    get_when(at, "/readyz", is(200));
    asker.refused(&prevote(100, "a"));
    let got = get_when(at, "/readyz", is(503));
    let told = format!("chain {CHAIN}: not ready: height 100 is let pass");
    assert!(got.body.starts_with(&told), "{got:?}");
}

#[test]
fn each_chain_is_told_and_one_that_is_not_ready_is_enough() {
    let nodes = [Listener::tcp().unwrap(), Listener::tcp().unwrap()];
    let mut home = Home::new();
    for (chain, node) in ["a-1", "b-1"].into_iter().zip(&nodes) {
        home.add_chain(chain, "");
        home.add_node(chain, &address(node), "");
    }
    home.add_metrics();
    let tmkms = home.start();
    let at = tmkms.metrics();
    let mut first = nodes[0].accept(PATIENCE).unwrap();
    first.public_key("a-1").unwrap();
    let got = get_when(at, "/readyz", |got| got.body.contains("chain a-1: ready: "));
    assert_eq!(got.status, 503);
    assert!(
        got.body
            .contains("\nchain b-1: not ready: no node is connected: "),
        "{got:?}"
    );
    let mut second = nodes[1].accept(PATIENCE).unwrap();
    second.public_key("b-1").unwrap();
    let got = get_when(at, "/readyz", is(200));
    assert_eq!(got.body.lines().count(), 2, "{got:?}");
}
