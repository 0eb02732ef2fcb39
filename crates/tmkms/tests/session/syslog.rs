//! The log on its way to syslog and journald.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use testnode::Listener;

use crate::support::{Asker, CHAIN, Home, PATIENCE, Tmkms, address, precommit, prevote};

/// A signer whose `[log]` has these lines, and a node.
fn start(lines: &str) -> (Home, Listener, Tmkms) {
    let node = Listener::tcp().unwrap();
    let mut home = Home::of_node(&node);
    home.add_lines(&format!("[log]\n{lines}"));
    let tmkms = home.start();
    (home, node, tmkms)
}

/// Signs a vote, and has another one refused.
fn work(node: &Listener) -> Asker {
    let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
    asker.sign(&precommit(1, "a"));
    asker.refused(&precommit(1, "b"));
    asker
}

/// A real syslog-ng with a configuration of its own; killed when dropped.
struct SyslogNg(Child);

impl SyslogNg {
    /// `None`, with a reason in the output, where the machine has none; a failure in CI.
    fn start(home: &Path, source: &str) -> Option<Self> {
        let there = Command::new("syslog-ng").arg("--version").output();
        if there.is_err() {
            assert!(
                std::env::var_os("CI").is_none(),
                "syslog-ng is not installed"
            );
            println!("skipped: syslog-ng is not installed (Debian: syslog-ng-core)");
            return None;
        }
        let config = format!(
            "@version: 3.35\noptions {{ keep-hostname(yes); use-dns(no); }};\n\
             source s {{ {source} }};\n\
             destination d {{ file(\"{}/out\" template(\"$FACILITY|$PRIORITY|$PROGRAM|$PID|$MSGID|$(format-json --key .SDATA.*)|$MSG\\n\") flush-lines(1)); }};\n\
             log {{ source(s); destination(d); }};\n",
            home.display()
        );
        let file = home.join("syslog-ng.conf");
        fs::write(&file, config).unwrap();
        let at = |name: &str| home.join(name).into_os_string();
        let child = Command::new("syslog-ng")
            .args(["--foreground", "--no-caps", "--stderr"])
            .arg("--cfgfile")
            .arg(&file)
            .arg("--persist-file")
            .arg(at("persist"))
            .arg("--pidfile")
            .arg(at("pid"))
            .arg("--control")
            .arg(at("ctl"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(home.join("syslog-ng.err")).unwrap())
            .spawn()
            .unwrap();
        Some(Self(child))
    }
}

impl Drop for SyslogNg {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a file has, once it has this text.
fn wait_for(file: &Path, text: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = fs::read_to_string(file).unwrap_or_default();
        if found.contains(text) {
            return found;
        }
        assert!(Instant::now() < deadline, "no {text:?} in {found:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_as_sent(out: &str) {
    let line = |part: &str| out.lines().find(|line| line.contains(part)).unwrap();
    let signed = line("|signed|");
    assert!(signed.starts_with("local0|info|tmkms|"), "{signed}");
    assert!(signed.contains("signed Precommit:"), "{signed}");
    for part in [
        "\"chain\":\"testnet-1\"",
        "\"height\":\"1\"",
        "\"step\":\"2\"",
        "\"kind\":\"Precommit\"",
    ] {
        assert!(signed.contains(part), "{part} in {signed}");
    }
    let refused = line("|refused|");
    assert!(refused.starts_with("local0|err|tmkms|"), "{refused}");
    assert!(refused.contains("\"cause\":\"conflict\""), "{refused}");
}

#[test]
fn syslog_ng_reads_every_field_over_udp() {
    let dir = tempfile::tempdir().unwrap();
    // Free at this moment; syslog-ng takes no port 0.
    let port = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let source = format!("syslog(transport(udp) ip(127.0.0.1) port({port}));");
    let Some(_daemon) = SyslogNg::start(dir.path(), &source) else {
        return;
    };
    // It listens when it answers on its control socket.
    wait_for(&dir.path().join("syslog-ng.err"), "syslog-ng starting up");
    let lines = format!("output = \"syslog\"\naddress = \"udp://127.0.0.1:{port}\"");
    let (_home, node, tmkms) = start(&lines);
    let _asker = work(&node);
    is_as_sent(&wait_for(&dir.path().join("out"), "|refused|"));
    let ended = tmkms.stop();
    // Nothing of the log is on standard output then.
    assert!(ended.lines.is_empty(), "{:#?}", ended.lines);
}

#[test]
fn syslog_ng_that_comes_later_or_starts_again_misses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("log");
    let source = format!(
        "unix-dgram(\"{}\" flags(syslog-protocol));",
        socket.display()
    );
    let lines = format!(
        "output = \"syslog\"\naddress = \"unix://{}\"",
        socket.display()
    );
    let (_home, node, tmkms) = start(&lines);
    let mut asker = work(&node);
    let out = dir.path().join("out");
    let Some(daemon) = SyslogNg::start(dir.path(), &source) else {
        return;
    };
    is_as_sent(&wait_for(&out, "|refused|"));
    drop(daemon);
    asker.sign(&prevote(2, "a"));
    let _daemon = SyslogNg::start(dir.path(), &source);
    wait_for(&out, "h/r/s 2/0/1");
    tmkms.stop();
    let text = wait_for(&out, "SIGTERM: finishing");
    assert_eq!(text.matches("|signed|").count(), 2, "{text}");
}

/// Journald's own protocol, taken apart.
fn fields(datagram: &[u8]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = datagram;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end);
        let line = String::from_utf8(line.to_vec()).unwrap();
        if let Some((name, value)) = line.split_once('=') {
            found.push((name.to_owned(), value.to_owned()));
            rest = &after[1..];
        } else {
            let len: [u8; 8] = after[1..9].try_into().unwrap();
            let len = usize::try_from(u64::from_le_bytes(len)).unwrap();
            let value = String::from_utf8(after[9..9 + len].to_vec()).unwrap();
            found.push((line, value));
            rest = &after[10 + len..];
        }
    }
    assert!(rest.is_empty());
    found
}

#[test]
fn journald_gets_fields() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let journald = UnixDatagram::bind(&path).unwrap();
    journald.set_read_timeout(Some(PATIENCE)).unwrap();
    let lines = format!(
        "output = \"journald\"\naddress = \"unix://{}\"\ntag = \"signer-1\"\nlevel = \"debug\"",
        path.display()
    );
    let (_home, node, _tmkms) = start(&lines);
    let _asker = work(&node);
    let mut buffer = vec![0; 64 * 1024];
    let mut next = |event: &str| loop {
        let len = journald.recv(&mut buffer).unwrap();
        let fields = fields(&buffer[..len]);
        let has = |name: &str, value: &str| fields.contains(&(name.to_owned(), value.to_owned()));
        assert!(has("SYSLOG_IDENTIFIER", "signer-1"), "{fields:?}");
        if has("EVENT", event) {
            break fields;
        }
    };
    let signed = next("signed");
    let refused = next("refused");
    let value = |fields: &[(String, String)], name: &str| {
        let found = fields.iter().find(|(it, _)| it == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    for (name, expected) in [
        ("PRIORITY", "6"),
        ("CHAIN", CHAIN),
        ("NODE", &address(&node)),
        ("HEIGHT", "1"),
        ("ROUND", "0"),
        ("STEP", "2"),
        ("KIND", "Precommit"),
    ] {
        assert_eq!(value(&signed, name), expected, "{name}");
    }
    assert!(value(&signed, "MESSAGE").contains("signed Precommit:"));
    assert_eq!(value(&refused, "PRIORITY"), "3");
    assert_eq!(value(&refused, "CAUSE"), "conflict");
}

#[test]
fn level_of_the_file_holds_unless_the_arguments_say_more() {
    let (_home, node, tmkms) = start("level = \"warn\"\nformat = \"json\"");
    let _asker = work(&node);
    tmkms.wait_for("refused:");
    let ended = tmkms.stop();
    for line in &ended.lines {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            ["WARN", "ERROR"].contains(&object["level"].as_str().unwrap()),
            "{line}"
        );
    }
    assert!(!ended.says("signed Precommit"));
}

/// A real systemd-journald in a mount namespace with a /run of its own; killed when dropped.
struct Journald(Child);

impl Journald {
    const PROGRAM: &str = "/lib/systemd/systemd-journald";

    /// `None`, with a reason in the output, where it cannot run; a failure in CI.
    fn start() -> Option<Self> {
        let is_root = rustix::process::geteuid().is_root();
        if !is_root || !Path::new(Self::PROGRAM).exists() {
            let why = "only root runs a journald of its own, where there is one";
            assert!(std::env::var_os("CI").is_none(), "{why}");
            println!("skipped: {why}");
            return None;
        }
        let script = format!(
            "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal /run/log/journal && \
             exec {}",
            Self::PROGRAM
        );
        let child = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", &script])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let journald = Self(child);
        let deadline = Instant::now() + PATIENCE;
        while !journald.socket().exists() {
            assert!(Instant::now() < deadline, "journald does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(journald)
    }

    fn socket(&self) -> std::path::PathBuf {
        format!("/proc/{}/root/run/systemd/journal/socket", self.0.id()).into()
    }

    /// The entries that fit.
    fn entries(&self, fields: &[&str]) -> Vec<serde_json::Value> {
        let done = Command::new("nsenter")
            .args(["--mount", "--target", &self.0.id().to_string()])
            .args([
                "journalctl",
                "--no-pager",
                "-q",
                "-D",
                "/run/log/journal",
                "-o",
                "json",
            ])
            .args(fields)
            .output()
            .unwrap();
        let text = String::from_utf8(done.stdout).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Drop for Journald {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn real_journald_finds_entries_by_their_fields() {
    let Some(journald) = Journald::start() else {
        return;
    };
    let socket = journald.socket();
    let lines = format!(
        "output = \"journald\"\naddress = \"unix://{}\"",
        socket.display()
    );
    let (_home, node, tmkms) = start(&lines);
    let _asker = work(&node);
    tmkms.stop();
    let deadline = Instant::now() + PATIENCE;
    let wanted = ["SYSLOG_IDENTIFIER=tmkms", "CHAIN=testnet-1", "HEIGHT=1"];
    let entries = loop {
        let entries = journald.entries(&wanted);
        if entries.len() >= 2 || Instant::now() > deadline {
            break entries;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let of = |event: &str| entries.iter().find(|it| it["EVENT"] == event).unwrap();
    assert_eq!(
        (&of("signed")["PRIORITY"], &of("signed")["STEP"]),
        (&"6".into(), &"2".into())
    );
    assert_eq!(
        (&of("refused")["PRIORITY"], &of("refused")["CAUSE"]),
        (&"3".into(), &"conflict".into())
    );
    assert!(
        of("signed")["MESSAGE"]
            .as_str()
            .unwrap()
            .contains("signed Precommit:")
    );
}
