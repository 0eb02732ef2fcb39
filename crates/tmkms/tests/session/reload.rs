//! SIGHUP: tmkms.toml is read again, and no connection that stays in it notices.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use rustix::process::Signal;
use testnode::Listener;

use crate::support::{Asker, CHAIN, Home, PATIENCE, Tmkms, address, precommit, prevote};

mod metrics;

const OTHER: &str = "other-1";

/// Two nodes, of which tmkms.toml names the first.
struct Pair {
    home: Home,
    tmkms: Tmkms,
    nodes: [Listener; 2],
    asker: Asker,
}

/// Two listeners on one port, so that the sandbox lets both be dialled.
fn listeners() -> [Listener; 2] {
    loop {
        let first = Listener::tcp().unwrap();
        let port = first.tcp_addr().unwrap().port();
        if let Ok(second) = Listener::tcp_at(([127, 0, 0, 2], port).into()) {
            return [first, second];
        }
    }
}

fn start() -> Pair {
    let nodes = listeners();
    let home = Home::of_node(&nodes[0]);
    let tmkms = home.start();
    let asker = Asker::new(nodes[0].accept(PATIENCE).unwrap());
    Pair {
        home,
        tmkms,
        nodes,
        asker,
    }
}

/// Reloads, and waits for the nth time that it says what came of it.
fn reload(tmkms: &Tmkms, home: &Home, expected: &str, nth: usize) -> String {
    home.write_config();
    tmkms.signal(Signal::HUP);
    tmkms.wait_for_nth(expected, nth)
}

/// The connection is the same one, and nobody else has come.
fn is_untouched(asker: &mut Asker, node: &Listener, height: i64) {
    asker.sign(&prevote(height, "a"));
    assert!(node.accept_raw(Duration::from_millis(200)).is_err());
}

#[test]
fn node_that_is_added_is_dialled_and_one_that_is_removed_is_closed() {
    let Pair {
        mut home,
        tmkms,
        nodes,
        mut asker,
    } = start();
    asker.sign(&prevote(1, "a"));
    let before = home.toml();
    home.add_node(CHAIN, &address(&nodes[1]), "");
    let line = reload(&tmkms, &home, "is applied", 1);
    assert!(line.contains("1 nodes added"), "{line}");
    let mut second = Asker::new(nodes[1].accept(PATIENCE).unwrap());
    second.sign(&prevote(2, "a"));
    is_untouched(&mut asker, &nodes[0], 3);
    home.set_toml(before);
    let line = reload(&tmkms, &home, "is applied", 2);
    assert!(
        line.contains("1 removed") && line.contains("1 as before"),
        "{line}"
    );
    assert!(second.signer.receive().unwrap_err().is_clean_close());
    assert!(nodes[1].accept_raw(Duration::from_millis(300)).is_err());
    is_untouched(&mut asker, &nodes[0], 4);
    tmkms.stop();
}

#[test]
fn chain_that_is_added_signs_and_its_state_is_free_once_it_is_removed() {
    let Pair {
        mut home,
        tmkms,
        nodes,
        mut asker,
    } = start();
    asker.sign(&prevote(1, "a"));
    let before = home.toml();
    home.add_chain(OTHER, "");
    home.add_node(OTHER, &address(&nodes[1]), "");
    reload(&tmkms, &home, "is applied", 1);
    let mut other = nodes[1].accept(PATIENCE).unwrap();
    let key = other.public_key(OTHER).unwrap();
    let chain = privval::ChainId::new(OTHER).unwrap();
    let vote = testnode::prevote(&chain, privval::Height::FIRST, privval::Timestamp::GO_ZERO);
    other.sign(&key, &vote, &[]).unwrap();
    assert!(store_is_locked(&home, OTHER));
    home.set_toml(before);
    reload(&tmkms, &home, "is applied", 2);
    assert!(!store_is_locked(&home, OTHER));
    assert!(store_is_locked(&home, CHAIN));
    is_untouched(&mut asker, &nodes[0], 2);
    tmkms.stop();
}

fn store_is_locked(home: &Home, chain: &str) -> bool {
    let ring = fs::File::open(home.path(format!("state/{chain}.json.ring"))).unwrap();
    ring.try_lock().is_err()
}

#[test]
fn bad_file_is_refused_whole_with_every_mistake_and_the_old_one_runs_on() {
    let Pair {
        mut home,
        tmkms,
        nodes,
        mut asker,
    } = start();
    let before = home.toml();
    home.add_node(CHAIN, &address(&nodes[1]), "timeout = 0");
    home.add_lines("[status]\nsocet = \"x\"");
    reload(&tmkms, &home, "nothing of", 1);
    tmkms.wait_for("`timeout` cannot be `0`");
    tmkms.wait_for("did you mean `socket`?");
    is_untouched(&mut asker, &nodes[0], 1);
    assert!(nodes[1].accept_raw(Duration::from_millis(200)).is_err());
    home.set_toml(before);
    reload(&tmkms, &home, "is applied", 1);
    is_untouched(&mut asker, &nodes[0], 2);
    tmkms.stop();
}

#[test]
fn what_cannot_change_is_refused_with_the_reason_and_nothing_else_is_applied() {
    let Pair {
        home,
        tmkms,
        nodes,
        mut asker,
    } = start();
    let before = home.toml();
    let port = nodes[0].tcp_addr().unwrap().port();
    let far = if port == 1 { 2 } else { 1 };
    let node = |addr: &str, lines: &str| {
        format!(
            "{before}\n[[validator]]\nchain_id = \"{CHAIN}\"\naddr = \"{addr}\"\nsecret_key = \"secrets/identity.key\"\n{lines}\n"
        )
    };
    let good = node(&address(&nodes[1]), "");
    fs::create_dir(home.path("elsewhere")).unwrap();
    let cases = [
        (
            format!("{good}[status]\nsocket = \"off\"\n"),
            "[status] was changed, and is read at the start only",
        ),
        (
            format!("{good}[log]\nformat = \"json\"\n"),
            "a field of [log] other than `level` was changed",
        ),
        (
            format!("{good}[audit]\nfile = \"a/audit.log\"\n"),
            "[audit] was changed",
        ),
        (
            format!("{good}[metrics]\nlisten = \"127.0.0.1:26661\"\n"),
            "[metrics] cannot be added: it was not in tmkms.toml at the start, and the sandbox \
             then keeps every port from being opened: restart the signer",
        ),
        (
            good.replace("state/testnet-1.json", "state/new.json"),
            "`state_file` of chain testnet-1 was changed",
        ),
        (
            good.replace("secrets/testnet-1.key", "secrets/new.key"),
            "the key of chain testnet-1 was changed",
        ),
        (
            good.replacen(
                "secret_key = \"secrets/identity.key\"",
                "secret_key = \"secrets/identity.key\"\ntimeout = 20",
                1,
            ),
            "`timeout` was changed, and belongs to a connection that stands",
        ),
        (
            node(&format!("tcp://127.0.0.1:{far}"), ""),
            &format!("cannot be dialled: no port {far} was in tmkms.toml at the start"),
        ),
        (
            node(&format!("tcp://localhost:{port}"), ""),
            "cannot be dialled: no host name was in tmkms.toml at the start",
        ),
        (
            node("unix://@nobody", "").replace(
                "addr = \"unix://@nobody\"\nsecret_key = \"secrets/identity.key\"",
                "addr = \"unix://@nobody\"",
            ),
            "cannot be dialled: no abstract socket was in",
        ),
        (
            chain(
                &good,
                "secrets/other-1.key",
                "state_hook = { cmd = [\"true\"] }",
            ),
            "chain other-1 has a state_hook, and a signer that runs starts no programs",
        ),
        (
            chain(&good, "/etc/other-1.key", ""),
            "cannot read /etc/other-1.key: nothing in its directory was named",
        ),
        (
            chain(&good, "secrets/other-1.key", "")
                .replace("state/other-1.json", "elsewhere/other-1.json"),
            "cannot write ",
        ),
        (
            chain(&good, "secrets/nowhere.key", ""),
            "secrets/nowhere.key",
        ),
    ];
    let count = cases.len();
    for (nth, (toml, reason)) in (1..).zip(cases) {
        fs::write(home.path("tmkms.toml"), toml).unwrap();
        tmkms.signal(Signal::HUP);
        tmkms.wait_for_nth("nothing of", nth);
        let lines = tmkms.lines();
        assert!(
            lines.iter().any(|line| line.contains(reason)),
            "{reason}: {lines:#?}"
        );
        asker.sign(&prevote(i64::try_from(nth).unwrap(), "a"));
    }
    assert_eq!(tmkms.count("is applied"), 0);
    assert!(nodes[1].accept_raw(Duration::from_millis(200)).is_err());
    is_untouched(&mut asker, &nodes[0], i64::try_from(count).unwrap() + 1);
    tmkms.stop();
}

/// A second chain with a node, added to a file.
fn chain(toml: &str, key: &str, lines: &str) -> String {
    format!(
        "{toml}\n[[chain]]\nid = \"{OTHER}\"\nkey_format = {{ type = \"hex\" }}\nstate_file = \"state/{OTHER}.json\"\n{lines}\n\
         [[providers.softsign]]\nchain_ids = [\"{OTHER}\"]\npath = \"{key}\"\n\
         [[validator]]\nchain_id = \"{OTHER}\"\naddr = \"unix://other.sock\"\n"
    )
}

#[test]
fn log_level_changes() {
    let Pair {
        mut home,
        tmkms,
        nodes,
        mut asker,
    } = start();
    let ping = privval::node_side::ping();
    asker.signer.ask(&ping).unwrap();
    // Its line, or none, is behind this one.
    asker.sign(&prevote(1, "a"));
    tmkms.wait_for("h/r/s 1/0/1");
    let before = home.toml();
    home.add_lines("[log]\nlevel = \"debug\"");
    let line = reload(&tmkms, &home, "is applied", 1);
    assert!(line.contains(", log level debug"), "{line}");
    asker.signer.ask(&ping).unwrap();
    tmkms.wait_for("answered Ping");
    home.set_toml(before);
    reload(&tmkms, &home, "is applied", 2);
    asker.signer.ask(&ping).unwrap();
    is_untouched(&mut asker, &nodes[0], 2);
    tmkms.wait_for("h/r/s 2/0/1");
    assert_eq!(tmkms.count("answered Ping"), 1);
    tmkms.stop();
}

#[test]
fn hundred_reloads_under_load_cost_no_answer() {
    let Pair {
        mut home,
        tmkms,
        nodes,
        mut asker,
    } = start();
    let one = home.toml();
    home.add_node(CHAIN, &address(&nodes[1]), "");
    let two = home.toml();
    let (end, signed) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for height in 1.. {
                if end.load(SeqCst) {
                    break;
                }
                // Fails the test when it is not answered.
                asker.sign(&precommit(height, "a"));
                signed.fetch_add(1, SeqCst);
            }
        });
        scope.spawn(|| {
            // The node that comes and goes.
            while !end.load(SeqCst) {
                if let Ok(mut signer) = nodes[1].accept(Duration::from_millis(100)) {
                    let _ = signer.public_key(CHAIN);
                    let _ = signer.receive();
                }
            }
        });
        for nth in 1..=100 {
            home.set_toml(if nth % 2 == 1 {
                two.clone()
            } else {
                one.clone()
            });
            reload(&tmkms, &home, "is applied", nth);
        }
        end.store(true, SeqCst);
    });
    let signed = signed.into_inner();
    println!("{signed} signatures during 100 reloads");
    assert!(signed > 100, "{signed}");
    assert!(nodes[0].accept_raw(Duration::from_millis(200)).is_err());
    let ended = tmkms.stop();
    assert!(!ended.says("nothing of"), "{:#?}", ended.lines);
}

#[test]
fn with_no_reload_the_signal_changes_nothing_and_says_so() {
    let nodes = listeners();
    let mut home = Home::of_node(&nodes[0]);
    let tmkms = home.start_with(&["--no-reload"]);
    let mut asker = Asker::new(nodes[0].accept(PATIENCE).unwrap());
    home.add_node(CHAIN, &address(&nodes[1]), "");
    reload(
        &tmkms,
        &home,
        "SIGHUP changes nothing: the signer was started with --no-reload",
        1,
    );
    is_untouched(&mut asker, &nodes[0], 1);
    tmkms.stop();
}
