//! The status of a running signer, asked over its socket.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use testnode::Listener;
use tmkms::observe::client::{AskError, ask};
use tmkms::observe::document::{ChainState, Document, NodeState, Verdict};

use crate::support::{Asker, CHAIN, Home, PATIENCE, Rig, address, precommit, prevote, proposal};

/// Where the socket is unless tmkms.toml says otherwise.
fn socket(home: &Home) -> PathBuf {
    home.path(format!("state/{CHAIN}.json.run/status.sock"))
}

/// Asks until it says so: the records follow the answers by some microseconds.
fn status_when(home: &Home, is_so: impl Fn(&Document) -> bool) -> Document {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = ask(&socket(home)).map(|answer| answer.document);
        match found {
            Ok(document) if is_so(&document) => return document,
            other => assert!(Instant::now() < deadline, "{other:#?}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// `tmkms status --json`: exit code, standard output, standard error.
fn command(home: &Home) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tmkms"))
        .args(["status", "--json", "-c"])
        .arg(home.path("tmkms.toml"))
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn signatures_and_refusals_are_counted_and_their_stages_timed() {
    let rig = Rig::after(50);
    let mut asker = rig.accept();
    for height in 51..=60 {
        for message in [proposal, prevote, precommit] {
            asker.sign(&message(height, "a"));
        }
    }
    asker.sign(&precommit(60, "a"));
    asker.refused(&precommit(60, "b"));
    asker.refused(&precommit(59, "a"));
    let document = status_when(&rig.home, |it| it.chains[0].refusals.len() == 2);
    assert_eq!(document.pid, rig.tmkms.pid());
    assert_eq!(document.verdict, Verdict::Ready);
    let chain = &document.chains[0];
    assert_eq!((chain.id.as_str(), chain.state), (CHAIN, ChainState::Ready));
    let signatures = chain.signatures;
    assert_eq!(
        [
            signatures.proposals,
            signatures.prevotes,
            signatures.precommits,
            signatures.repeated,
            signatures.raw_bytes
        ],
        [10, 10, 10, 1, 0]
    );
    let refusals: Vec<_> = chain
        .refusals
        .iter()
        .map(|it| (&*it.cause, it.count))
        .collect();
    assert_eq!(refusals, [("conflict", 1), ("regression", 1)]);
    let last = chain.last_refusal.as_ref().unwrap();
    assert!(
        last.cause == "regression" && last.text.contains("59/0/2 is before 60/0/2"),
        "{last:?}"
    );
    let last = chain.last_signed.as_ref().unwrap();
    assert_eq!((last.height, last.round, last.step), (60, 0, 2));
    assert!(last.age_s.unwrap() < 60);
    let latency = &chain.latency;
    let stages = [
        &latency.decode,
        &latency.commit,
        &latency.sign,
        &latency.write,
    ];
    for stage in stages {
        assert_eq!(stage.count, 30);
        assert!(
            stage.p50_ns > 0 && stage.p50_ns <= stage.p99_ns,
            "{stage:?}"
        );
        assert!(
            stage.p99_ns <= stage.max_ns && stage.max_ns <= latency.total.max_ns,
            "{stage:?}"
        );
    }
    let sum: u64 = stages.iter().map(|stage| stage.p50_ns).sum();
    assert!(sum <= latency.total.max_ns * 2, "{latency:?}");
    assert_eq!(chain.key.algorithm, "Ed25519");
    assert_eq!(chain.key.public_key, keys::show::hex(&asker.key));
    assert_eq!(chain.key.address, keys::show::address_hex(&asker.key));
}

#[test]
fn place_from_before_the_start_has_no_age() {
    let rig = Rig::after(50);
    let _asker = rig.accept();
    let document = status_when(&rig.home, |it| it.verdict == Verdict::Ready);
    let last = document.chains[0].last_signed.as_ref().unwrap();
    assert_eq!((last.height, last.step, last.age_s), (50, 2, None));
}

#[test]
fn node_is_connected_lost_and_dialled_again() {
    let rig = Rig::with("", "protocol_version = \"v0.34\"");
    let document = status_when(&rig.home, |it| it.nodes[0].tries > 0);
    let node = &document.nodes[0];
    assert_eq!(
        (node.state, document.verdict),
        (NodeState::Dialling, Verdict::NotConnected)
    );
    assert_eq!(node.address, address(&rig.node));
    assert_eq!(node.protocol_version.as_deref(), Some("v0.34"));
    let mut asker = rig.accept();
    let extended = precommit(1, "a");
    asker
        .signer
        .sign(&asker.key, &extended, b"extension")
        .unwrap();
    let document = status_when(&rig.home, |it| it.nodes[0].contradicted.is_some());
    let node = &document.nodes[0];
    assert_eq!((node.state, node.tries), (NodeState::Connected, 0));
    assert_eq!(node.trouble, None);
    let Rig { tmkms, node, home } = rig;
    drop((asker, node));
    let document = status_when(&home, |it| {
        let trouble = it.nodes[0].trouble.as_ref();
        trouble.is_some_and(|it| it.kind == "refused") && it.nodes[0].tries > 2
    });
    assert_eq!(document.verdict, Verdict::NotConnected);
    let trouble = document.nodes[0].trouble.as_ref().unwrap();
    assert_eq!(trouble.text, "connection refused");
    assert!(
        trouble.advice.contains("priv_validator_laddr"),
        "{trouble:?}"
    );
    tmkms.stop();
}

#[test]
fn command_prints_the_document_and_exits_with_the_verdict() {
    let rig = Rig::after(50);
    status_when(&rig.home, |_| true);
    let (code, stdout, stderr) = command(&rig.home);
    assert_eq!((code, stderr.as_str()), (3, ""));
    let document: Document = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document.verdict, Verdict::NotConnected);
    let mut asker = rig.accept();
    asker.sign(&prevote(51, "a"));
    status_when(&rig.home, |it| it.verdict == Verdict::Ready);
    assert_eq!(command(&rig.home).0, 0);
    let Rig { tmkms, home, .. } = rig;
    tmkms.stop();
    let (code, stdout, stderr) = command(&home);
    assert_eq!((code, stdout.as_str()), (1, ""));
    let told = stderr.replace(&socket(&home).display().to_string(), "SOCKET");
    assert_eq!(
        told,
        "error: no signer runs here: SOCKET does not exist. Start it with `tmkms start -c FILE`, \
         with the same tmkms.toml; one in a container is asked in that container\n"
    );
}

#[test]
fn only_the_signers_user_can_ask_and_the_socket_is_gone_after_the_end() {
    let rig = Rig::new();
    let asker = rig.accept();
    let path = socket(&rig.home);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let Rig { tmkms, home, .. } = rig;
    drop(asker);
    tmkms.stop();
    assert!(!socket(&home).exists());
}

#[test]
fn socket_of_a_killed_signer_is_told_and_replaced() {
    let Rig { tmkms, node, home } = Rig::new();
    let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
    asker.sign(&prevote(1, "a"));
    tmkms.kill();
    assert!(matches!(ask(&socket(&home)), Err(AskError::Abandoned(_))));
    let (code, _, stderr) = command(&home);
    assert!(
        code == 1 && stderr.contains("it was killed or crashed"),
        "{stderr}"
    );
    let tmkms = home.start();
    let asker = Asker::new(node.accept(PATIENCE).unwrap());
    let document = status_when(&home, |it| it.verdict == Verdict::Ready);
    assert_eq!(document.pid, tmkms.pid());
    drop(asker);
    tmkms.stop();
}

#[test]
fn socket_of_another_signer_is_left_to_it_and_signing_goes_on_without() {
    let mut homes = [Home::new(), Home::new()];
    let nodes = [Listener::tcp().unwrap(), Listener::tcp().unwrap()];
    let path = homes[0].path("shared.sock");
    for (home, node) in homes.iter_mut().zip(&nodes) {
        home.add_chain(CHAIN, "");
        home.add_node(CHAIN, &address(node), "");
        home.add_lines(&format!("[status]\nsocket = \"{}\"", path.display()));
    }
    let first = homes[0].start();
    let mut asker = Asker::new(nodes[0].accept(PATIENCE).unwrap());
    asker.sign(&prevote(1, "a"));
    let second = homes[1].start();
    let line = second.wait_for("no status");
    let told = format!(
        "WARN tmkms::status: no status: another process listens on {}: give this one a socket of \
         its own, [status] socket = \"PATH\" in the configuration",
        path.display()
    );
    assert!(line.ends_with(&told), "{line}");
    let mut asker = Asker::new(nodes[1].accept(PATIENCE).unwrap());
    asker.sign(&prevote(1, "a"));
    assert_eq!(ask(&path).unwrap().document.pid, first.pid());
    second.stop();
    assert_eq!(ask(&path).unwrap().document.pid, first.pid());
}

#[test]
fn without_a_socket_there_is_none() {
    let node = Listener::tcp().unwrap();
    let mut home = Home::of_node(&node);
    home.add_lines("[status]\nsocket = \"off\"");
    let _tmkms = home.start();
    let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
    asker.sign(&prevote(1, "a"));
    assert!(!socket(&home).exists() && !socket(&home).parent().unwrap().exists());
    let (code, _, stderr) = command(&home);
    let expected = format!(
        "error: {} says [status] socket = \"off\": without a socket the signer cannot be asked. Remove that line and restart the signer\n",
        home.path("tmkms.toml").display()
    );
    assert_eq!((code, stderr), (1, expected));
}

#[test]
fn signer_that_lets_heights_pass_cannot_sign_yet() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    asker.refused(&prevote(100, "a"));
    let document = status_when(&rig.home, |it| it.verdict == Verdict::CannotSign);
    let chain = &document.chains[0];
    assert_eq!(chain.state, ChainState::Waiting);
    let why = chain.why.as_deref().unwrap();
    assert!(why.starts_with("height 100 is let pass"), "{why}");
    assert_eq!(command(&rig.home).0, 1);
}

#[test]
fn chain_whose_state_cannot_be_written_cannot_sign_until_a_restart() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    asker.sign(&prevote(1, "a"));
    // A backup tool, say, put another file in its place.
    let file = rig.home.state_file(CHAIN);
    std::fs::rename(&file, rig.home.path("state/moved.json")).unwrap();
    std::fs::write(&file, "").unwrap();
    asker.refused(&precommit(1, "a"));
    let document = status_when(&rig.home, |it| it.chains[0].state == ChainState::Stopped);
    assert_eq!(document.verdict, Verdict::CannotSign);
    let chain = &document.chains[0];
    let why = chain.why.as_deref().unwrap();
    assert!(
        why.starts_with("nothing was signed because the state could not be written"),
        "{why}"
    );
    assert_eq!(command(&rig.home).0, 1);
}

#[test]
fn clients_that_never_read_do_not_delay_a_signature() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    let path = socket(&rig.home);
    let connect = || std::os::unix::net::UnixStream::connect(&path).unwrap();
    let silent: Vec<_> = (0..8).map(|_| connect()).collect();
    for height in 1..=100 {
        asker.sign(&precommit(height, "a"));
    }
    status_when(&rig.home, |it| it.chains[0].signatures.precommits == 100);
    drop(silent);
}

#[test]
fn whoever_asks_while_it_signs_gets_whole_answers_that_only_grow() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    let done = AtomicBool::new(false);
    let asked = std::thread::scope(|scope| {
        let ask_on = || {
            let mut last = 0;
            let mut count = 0_u32;
            while !done.load(Ordering::SeqCst) {
                let document = ask(&socket(&rig.home)).unwrap().document;
                let signed = document.chains[0].signatures.precommits;
                assert!(signed >= last, "{signed} after {last}");
                (last, count) = (signed, count + 1);
            }
            count
        };
        let askers: Vec<_> = (0..3).map(|_| scope.spawn(ask_on)).collect();
        let deadline = Instant::now() + Duration::from_millis(500);
        let heights = (1..).take_while(|_| Instant::now() < deadline);
        for height in heights {
            asker.sign(&precommit(height, "a"));
        }
        done.store(true, Ordering::SeqCst);
        askers.into_iter().map(|it| it.join().unwrap()).sum::<u32>()
    });
    assert!(asked > 3, "{asked}");
}
