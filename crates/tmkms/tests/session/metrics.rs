//! What `/metrics` tells, beside what `tmkms status` tells and what `docs/metrics.md` lists.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use testnode::Listener;
use tmkms::observe::client::ask;

use crate::support::{
    Asker, CHAIN, Home, PATIENCE, Rig, address, exchange, get, get_when, left_out_without,
    precommit, prevote, proposal,
};
use crate::tunnelled::{Machine, Measured};

/// The value of a sample, by the whole text before it.
pub(crate) fn value(metrics: &str, sample: &str) -> f64 {
    let start = format!("{sample} ");
    let found = metrics.lines().find_map(|line| line.strip_prefix(&start));
    let text = found.unwrap_or_else(|| panic!("no {sample} in\n{metrics}"));
    text.parse().unwrap()
}

/// Type and labels of each family.
fn families(metrics: &str) -> BTreeMap<String, (String, Vec<String>)> {
    let mut found = BTreeMap::new();
    let mut current = String::new();
    for line in metrics.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            current = name.to_owned();
            found.insert(current.clone(), (kind.to_owned(), Vec::new()));
        } else if !line.starts_with('#') {
            let labels = line.split_once('{').map_or("", |(_, rest)| rest);
            let names = labels.split("\",").filter_map(|part| part.split_once('='));
            let names: Vec<String> = names
                .map(|(name, _)| name.to_owned())
                .filter(|name| name != "le")
                .collect();
            found.get_mut(&current).unwrap().1 = names;
        }
    }
    found
}

fn documentation() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
    fs::read_to_string(path).unwrap()
}

/// The same as `docs/metrics.md` has them: `| name | type | labels | meaning |`.
fn documented() -> BTreeMap<String, (String, Vec<String>)> {
    let text = documentation();
    let is_kind = |kind: &str| ["counter", "gauge", "histogram"].contains(&kind);
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, meaning] = cells[..] else {
            return None;
        };
        let known = is_kind(kind) && !meaning.is_empty();
        known.then(|| {
            let labels = labels
                .split(',')
                .map(|it| it.trim().trim_matches('`').to_owned());
            let labels = labels.filter(|it| !it.is_empty()).collect();
            (name.trim_matches('`').to_owned(), (kind.to_owned(), labels))
        })
    });
    rows.collect()
}

#[test]
fn every_metric_is_documented_with_its_type_and_labels_and_no_other_is() {
    let mut signer = Measured::new();
    let at = signer.tmkms.metrics();
    signer.asker.sign(&prevote(1, "a"));
    let signed = "tmkms_last_signed_timestamp_seconds{";
    let metrics = get_when(at, "/metrics", |got| got.body.contains(signed)).body;
    assert_eq!(families(&metrics), documented());
    // And the words that some labels have.
    let docs = documentation();
    let words = ["cause=\"", "kind=\"", "state=\"", "stage=\"", "type=\""];
    for word in words.iter().flat_map(|start| metrics.split(start).skip(1)) {
        let (word, _) = word.split_once('"').unwrap();
        assert!(
            docs.contains(&format!("`{word}`")),
            "docs/metrics.md lacks {word}"
        );
    }
}

#[test]
fn metrics_and_status_tell_the_same() {
    let rig = Rig::measured();
    let at = rig.tmkms.metrics();
    let mut asker = rig.accept();
    for height in 1..=10 {
        for message in [proposal, prevote, precommit] {
            asker.sign(&message(height, "a"));
        }
    }
    asker.sign(&prevote(12, "a"));
    asker.sign(&precommit(14, "a"));
    asker.sign(&precommit(14, "a"));
    asker.refused(&precommit(14, "b"));
    let conflicts = format!("tmkms_refusals_total{{chain=\"{CHAIN}\",cause=\"conflict\"}} 1\n");
    let metrics = get_when(at, "/metrics", |got| got.body.contains(&conflicts)).body;
    let status = rig.home.path(format!("state/{CHAIN}.json.run/status.sock"));
    let document = ask(&status).unwrap().document;
    let chain = &document.chains[0];
    let of_chain = |name: &str, more: &str| {
        let more = if more.is_empty() {
            String::new()
        } else {
            format!(",{more}")
        };
        value(&metrics, &format!("{name}{{chain=\"{CHAIN}\"{more}}}"))
    };
    let counted = |kind: &str| of_chain("tmkms_signatures_total", &format!("type=\"{kind}\""));
    assert_eq!(
        [
            counted("proposal"),
            counted("prevote"),
            counted("precommit")
        ],
        [10.0, 11.0, 11.0]
    );
    assert_eq!(chain.signatures.precommits, 11);
    assert_eq!(of_chain("tmkms_replays_total", ""), 1.0);
    assert_eq!(of_chain("tmkms_refusals_total", "cause=\"store\""), 0.0);
    // 11 and 12; 13 may still get its precommit.
    assert_eq!(of_chain("tmkms_missed_heights_total", ""), 2.0);
    assert_eq!(
        (chain.heights.marks.as_str(), chain.heights.missed),
        ("SSSSSSSSSS.p.S", 2)
    );
    let place =
        ["height", "round", "step"].map(|it| of_chain(&format!("tmkms_last_signed_{it}"), ""));
    assert_eq!(place, [14.0, 0.0, 2.0]);
    let signed_at = of_chain("tmkms_last_signed_timestamp_seconds", "");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    assert!(
        (0.0..60.0).contains(&(now.as_secs_f64() - signed_at)),
        "{signed_at}"
    );
    for (name, more) in [
        ("tmkms_request_duration_seconds", ""),
        ("tmkms_state_sync_duration_seconds", ""),
        ("tmkms_stage_duration_seconds", "stage=\"decode\""),
        ("tmkms_stage_duration_seconds", "stage=\"commit\""),
        ("tmkms_stage_duration_seconds", "stage=\"sign\""),
        ("tmkms_stage_duration_seconds", "stage=\"write\""),
    ] {
        assert_eq!(
            of_chain(&format!("{name}_count"), more),
            32.0,
            "{name} {more}"
        );
        let sum = of_chain(&format!("{name}_sum"), more);
        assert!(sum > 0.0 && sum < 60.0, "{name} {more}: {sum}");
    }
    // The disk is a part of the commit, and that a part of the whole.
    let sum = |name: &str, more: &str| of_chain(&format!("{name}_sum"), more);
    let commit = sum("tmkms_stage_duration_seconds", "stage=\"commit\"");
    assert!(sum("tmkms_state_sync_duration_seconds", "") < commit);
    assert!(commit < sum("tmkms_request_duration_seconds", ""));
    let node = format!("{{chain=\"{CHAIN}\",node=\"{}\"}}", address(&rig.node));
    let of_node = |name: &str| value(&metrics, &format!("{name}{node}"));
    assert_eq!(of_node("tmkms_node_connected"), 1.0);
    assert_eq!(of_node("tmkms_node_connections_total"), 1.0);
    assert_eq!(of_node("tmkms_session_overdue_seconds"), 0.0);
    assert!(value(&metrics, "process_open_fds") >= 10.0);
    assert!(value(&metrics, "process_resident_memory_bytes") > 1_000_000.0);
}

#[test]
fn reconnects_are_counted_and_so_is_what_was_wrong() {
    let rig = Rig::measured();
    let at = rig.tmkms.metrics();
    for height in 1..=3 {
        rig.accept().sign(&precommit(height, "a"));
    }
    let node = format!("{{chain=\"{CHAIN}\",node=\"{}\"", address(&rig.node));
    let troubles = |kind: &str| format!("tmkms_node_troubles_total{node},kind=\"{kind}\"}}");
    let closed = format!("{} 3\n", troubles("closed"));
    let metrics = get_when(at, "/metrics", |got| got.body.contains(&closed)).body;
    assert_eq!(
        value(&metrics, &format!("tmkms_node_connections_total{node}}}")),
        3.0
    );
    assert!(value(&metrics, &format!("tmkms_node_dials_total{node}}}")) >= 3.0);
    assert_eq!(value(&metrics, &troubles("wrong_peer")), 0.0);
}

#[test]
fn tunnel_is_measured_and_in_the_status() {
    let mut signer = Measured::new();
    let at = signer.tmkms.metrics();
    for height in 1..=20 {
        signer.asker.sign(&precommit(height, "a"));
    }
    let status = signer
        .home
        .path(format!("state/{CHAIN}.json.run/status.sock"));
    let document = ask(&status).unwrap().document;
    let told = &document.tunnels[0];
    assert_eq!(
        (told.name.as_str(), told.addresses.as_slice()),
        ("wg0", &["10.200.0.2".to_owned()][..])
    );
    let peer = &told.peers[0];
    assert!(
        peer.handshake_age_s.is_some() && peer.rx_bytes > 1_000 && peer.tx_bytes > 1_000,
        "{peer:?}"
    );
    let metrics = get(at, "/metrics").body;
    assert_eq!(value(&metrics, "tmkms_tunnel_up{tunnel=\"wg0\"}"), 1.0);
    let labels = format!("{{tunnel=\"wg0\",peer=\"{}\"}}", peer.public_key);
    let of_peer = |name: &str| value(&metrics, &format!("tmkms_tunnel_{name}{labels}"));
    assert!(of_peer("received_bytes_total") > 1_000.0 && of_peer("sent_bytes_total") > 1_000.0);
    assert_eq!(of_peer("mtu_bytes"), f64::from(peer.mtu.unwrap()));
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let age = now.as_secs_f64() - of_peer("last_handshake_timestamp_seconds");
    assert!((-1.0..60.0).contains(&age), "{age}");
    drop(signer.asker);
    signer.tmkms.stop();
}

#[test]
fn key_file_that_is_touched_is_told() {
    let rig = Rig::measured();
    let at = rig.tmkms.metrics();
    let changed = || {
        value(
            &get(at, "/metrics").body,
            &format!("tmkms_key_file_changed{{chain=\"{CHAIN}\"}}"),
        )
    };
    assert_eq!(changed(), 0.0);
    let file = rig.home.key_file(CHAIN);
    let copy = rig.home.path("secrets/copy");
    fs::copy(&file, &copy).unwrap();
    fs::rename(&copy, &file).unwrap();
    assert_eq!(changed(), 1.0);
    fs::remove_file(&file).unwrap();
    assert_eq!(changed(), 1.0);
    // The signer has the key and goes on.
    rig.accept().sign(&prevote(1, "a"));
}

/// Prometheus' own opinion of the names, types and helps.
#[test]
fn promtool_finds_nothing_to_complain_of() {
    if left_out_without(&["promtool"]) {
        return;
    }
    let machine = Machine::new();
    let mut home = machine.home;
    home.add_metrics();
    let tmkms = home.start();
    let metrics = get(tmkms.metrics(), "/metrics").body;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(metrics.as_bytes()).unwrap();
    drop(stdin);
    let done = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr) + String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.is_empty(), "{said}");
}

#[test]
fn nothing_secret_is_told_and_nothing_can_be_changed() {
    let rig = Rig::measured();
    let at = rig.tmkms.metrics();
    let mut asker = rig.accept();
    asker.sign(&prevote(1, "a"));
    let secrets = [
        rig.home.key_file(CHAIN),
        rig.home.path("secrets/identity.key"),
    ]
    .map(|file| fs::read_to_string(file).unwrap().trim().to_owned());
    for path in ["/", "/metrics", "/healthz", "/readyz"] {
        let got = get(at, path);
        assert_eq!(got.status, 200, "{path}: {got:?}");
        for secret in &secrets {
            assert!(!got.body.contains(secret.as_str()), "{path}");
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
            let request = format!("{method} {path} HTTP/1.1\r\nContent-Length: 4\r\n\r\nstop");
            let got = exchange(at, request.as_bytes());
            assert_eq!(got.status, 405, "{method} {path}");
            assert!(got.head.contains("Allow: GET, HEAD"), "{got:?}");
        }
    }
    asker.sign(&precommit(1, "a"));
}

#[test]
fn clients_that_hang_do_not_delay_a_signature() {
    let rig = Rig::measured();
    let at = rig.tmkms.metrics();
    let mut asker = rig.accept();
    let silent: Vec<_> = (0..20)
        .map(|_| std::net::TcpStream::connect(at).unwrap())
        .collect();
    let started = std::time::Instant::now();
    for height in 1..=100 {
        asker.sign(&precommit(height, "a"));
    }
    let took = started.elapsed();
    assert!(took < PATIENCE / 2, "{took:?}");
    drop(silent);
    let signed = format!("tmkms_last_signed_height{{chain=\"{CHAIN}\"}} 100\n");
    get_when(at, "/metrics", |got| got.body.contains(&signed));
}

#[test]
fn port_that_is_taken_is_told_and_signing_goes_on_without() {
    let node = Listener::tcp().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().map(|address| (taken, address)).unwrap();
    let mut home = Home::of_node(&node);
    home.add_lines(&format!("[metrics]\nlisten = \"{}\"", taken.1));
    let tmkms = home.start();
    let line = tmkms.wait_for("no metrics");
    let told = format!(
        ": no metrics: cannot listen on {}: Address already in use (os error 98); name another \
         address or port, [metrics] listen = \"IP:PORT\" in tmkms.toml",
        taken.1
    );
    assert!(
        line.ends_with(&told) && line.contains("tmkms.toml:"),
        "{line}"
    );
    Asker::new(node.accept(PATIENCE).unwrap()).sign(&prevote(1, "a"));
}

#[test]
fn address_that_others_can_reach_is_warned_of() {
    let node = Listener::tcp().unwrap();
    let mut home = Home::of_node(&node);
    home.add_lines("[metrics]\nlisten = \"0.0.0.0:0\"");
    let tmkms = home.start();
    let line = tmkms.wait_for("can read the metrics and the page");
    assert!(
        line.contains(" WARN tmkms::metrics: whoever reaches 0.0.0.0:"),
        "{line}"
    );
    let rig = Rig::measured();
    rig.tmkms.metrics();
    assert_eq!(rig.tmkms.count("can read the metrics"), 0);
}
