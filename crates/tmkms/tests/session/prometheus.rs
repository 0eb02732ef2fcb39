//! The rules and the dashboard of `deploy/`, with Prometheus' own tools and a running Prometheus
//! that measures a running signer.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Asker, PATIENCE, get, left_out_without, precommit, prevote, proposal};
use crate::tunnelled::Measured;

fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy")
        .join(name)
}

fn promtool(arguments: &[&str]) {
    let done = Command::new("promtool")
        .args(arguments)
        .current_dir(deploy("prometheus"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "promtool {arguments:?}: {said}");
}

#[test]
fn rules_and_their_tests_pass_promtool() {
    if left_out_without(&["promtool"]) {
        return;
    }
    promtool(&["check", "rules", "alerts.yml"]);
    promtool(&["test", "rules", "alerts_test.yml"]);
    promtool(&["check", "config", "prometheus.yml.example"]);
}

/// Each alert has a case in which it fires.
#[test]
fn no_alert_is_without_a_test_and_an_explanation() {
    let read = |path: PathBuf| fs::read_to_string(path).unwrap();
    let rules = read(deploy("prometheus/alerts.yml"));
    let names: Vec<&str> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert!(names.len() >= 10, "{names:?}");
    let tests = read(deploy("prometheus/alerts_test.yml"));
    let docs = read(deploy("../docs/metrics.md"));
    for name in names {
        let fires = tests.contains(&format!("alertname=\"{name}\", alertstate=\"firing\""))
            || (tests.contains(&format!("alertname: {name}\n")) && tests.contains("exp_alerts:\n"));
        assert!(fires, "{name} has no test");
        assert!(
            docs.contains(&format!("| `{name}` |")),
            "{name} is not in docs/metrics.md"
        );
    }
}

/// A Prometheus of its own: port, data and configuration in a directory that goes with it.
struct Prometheus {
    child: Child,
    address: SocketAddr,
    _home: TempDir,
}

impl Prometheus {
    fn start(target: SocketAddr) -> Self {
        let home = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = port.local_addr().unwrap();
        drop(port);
        let example = fs::read_to_string(deploy("prometheus/prometheus.yml.example")).unwrap();
        let config = example
            .replace("127.0.0.1:26661", &target.to_string())
            .replace("_interval: 15s", "_interval: 1s");
        fs::write(home.path().join("prometheus.yml"), config).unwrap();
        fs::copy(
            deploy("prometheus/alerts.yml"),
            home.path().join("alerts.yml"),
        )
        .unwrap();
        let log = fs::File::create(home.path().join("log")).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--web.listen-address={address}"))
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .current_dir(home.path())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let prometheus = Self {
            child,
            address,
            _home: home,
        };
        prometheus.wait_until("it is ready", || {
            std::net::TcpStream::connect(address).is_ok() && get(address, "/-/ready").status == 200
        });
        prometheus
    }

    fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so() {
            let log = || fs::read_to_string(self._home.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "not in time: {what}\n{}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn api(&self, path: &str) -> Value {
        let got = get(self.address, &format!("/api/v1/{path}"));
        // The answer may come in pieces, each with its length before it.
        let (from, to) = (got.body.find('{').unwrap(), got.body.rfind('}').unwrap());
        let mut told: Value = serde_json::from_str(&whole(&got.body, &got.head, from, to)).unwrap();
        assert_eq!(told["status"], "success", "{path}: {told}");
        told["data"].take()
    }

    /// What an expression comes to, as a list of series.
    fn query(&self, expression: &str) -> Vec<Value> {
        let told = self.api(&format!("query?query={}", percent(expression)));
        told["result"].as_array().unwrap().clone()
    }
}

/// The JSON of a body, joined where it came in pieces (RFC 9112, section 7.1).
fn whole(body: &str, head: &str, from: usize, to: usize) -> String {
    if !head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        return body[from..=to].to_owned();
    }
    let (mut text, mut rest) = (String::new(), body);
    while let Some((length, after)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        text.push_str(&after[..length]);
        rest = after[length..].trim_start_matches("\r\n");
    }
    text
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Title and expressions of each panel, with the variables as Grafana fills them in.
fn panels() -> Vec<(String, String, Vec<String>)> {
    let text = fs::read_to_string(deploy("grafana/dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let shown = panels.filter(|panel| panel["type"] != "row").map(|panel| {
        let targets = panel["targets"].as_array().unwrap().iter();
        let filled = targets.map(|target| {
            let expression = target["expr"].as_str().unwrap();
            let expression = expression
                .replace("$__rate_interval", "1m")
                .replace("$instance", ".*")
                .replace("$chain", ".*");
            assert!(!expression.contains('$'), "{expression}");
            expression
        });
        let text = |field: &str| panel[field].as_str().unwrap().to_owned();
        (text("title"), text("description"), filled.collect())
    });
    shown.collect()
}

#[test]
fn every_panel_is_described_in_words() {
    let docs = fs::read_to_string(deploy("../docs/metrics.md")).unwrap();
    let panels = panels();
    assert!(panels.len() >= 15);
    for (title, description, _) in panels {
        let row = format!("| {title} | {description}");
        assert!(docs.contains(&row), "docs/metrics.md lacks {row}");
    }
}

#[test]
fn prometheus_measures_a_signer_draws_every_panel_and_raises_the_alarm() {
    if left_out_without(&["prometheus"]) {
        return;
    }
    let Measured {
        far_end: (_tunnel, _gateway, node),
        home,
        tmkms,
        mut asker,
    } = Measured::new();
    let prometheus = Prometheus::start(tmkms.metrics());
    let mut height = 1;
    let mut sign_some = || {
        for message in [proposal, prevote, precommit] {
            asker.sign(&message(height, "a"));
        }
        // Every other one is missed.
        height += 2;
    };
    prometheus.wait_until("the signer is up", || {
        prometheus.query("up{job=\"tmkms\"} == 1").len() == 1
    });
    for _ in 0..5 {
        sign_some();
    }
    asker.refused(&precommit(1, "b"));
    drop(asker);
    // It is dialled again at once: a trouble, and a second connection.
    let _asker = Asker::new(node.accept(PATIENCE).unwrap());
    let counts = [
        "tmkms_missed_heights_total",
        "tmkms_refusals_total",
        "tmkms_node_troubles_total",
    ];
    prometheus.wait_until("what was done is measured, twice", || {
        let grown = |name: &&str| {
            !prometheus
                .query(&format!("sum(increase({name}[1m])) > 0"))
                .is_empty()
        };
        counts.iter().all(grown)
            && !prometheus
                .query("increase(tmkms_request_duration_seconds_count[1m]) > 0")
                .is_empty()
    });
    for (title, _, expressions) in panels() {
        for expression in expressions {
            let series = prometheus.query(&expression);
            assert!(!series.is_empty(), "{title}: nothing for {expression}");
            let values = series.iter().map(|one| one["value"][1].as_str().unwrap());
            let numbers: Vec<&str> = values.filter(|value| *value != "NaN").collect();
            assert!(
                !numbers.is_empty(),
                "{title}: no number for {expression}: {series:?}"
            );
        }
    }
    let rules = prometheus.api("rules");
    for rule in rules["groups"][0]["rules"].as_array().unwrap() {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
    let alerts = || -> BTreeSet<String> {
        let told = prometheus.api("alerts");
        let all = told["alerts"].as_array().unwrap().iter();
        all.map(|one| one["labels"]["alertname"].as_str().unwrap().to_owned())
            .collect()
    };
    prometheus.wait_until("the missed heights raise the alarm", || {
        alerts().contains("TmkmsMissedHeights")
    });
    fs::remove_file(home.key_file(crate::support::CHAIN)).unwrap();
    prometheus.wait_until("the key file that is gone raises the alarm", || {
        alerts().contains("TmkmsKeyFileChanged")
    });
    drop((_asker, node));
    prometheus.wait_until("the lost connection raises the alarm", || {
        alerts().contains("TmkmsDisconnected")
    });
    tmkms.stop();
    prometheus.wait_until("the signer that is gone raises the alarm", || {
        alerts().contains("TmkmsDown")
    });
}
