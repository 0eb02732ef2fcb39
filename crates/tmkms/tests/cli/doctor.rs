//! `tmkms doctor`: each fault made on purpose, and the finding with its remedy.
//!
//! Faults of real nodes are in `crates/interop` (`doctor`), those of two machines in `crates/e2e`.
//! `docs/doctor.md` names the test of each finding.

mod connections;
mod container;
mod files;
mod namespaces;
mod node_home;
mod paths;
mod rpc;
mod signer_at_work;
mod tunnels;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use serde_json::Value;

use crate::home::{Home, TMKMS};
use crate::signer::CHAIN;

/// What `tmkms doctor --json` found.
#[derive(Debug)]
pub(crate) struct Diagnosis {
    pub(crate) code: i32,
    findings: Vec<Value>,
}

impl Diagnosis {
    /// Runs it in the directory, on `kms/tmkms.toml`.
    pub(crate) fn of(home: &Home, more: &[&str]) -> Self {
        let mut command = Command::new(TMKMS);
        command.args(["doctor", "--json", "-c", "kms/tmkms.toml"]);
        Self::run(home, command.args(more))
    }

    /// Runs a command that ends in `tmkms doctor --json`.
    pub(crate) fn run(home: &Home, command: &mut Command) -> Self {
        let done = home.run(command);
        let value: Value =
            serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"));
        let findings = value["findings"].as_array().expect("findings").clone();
        let expected = match value["status"].as_str().expect("a status") {
            "fine" => 0,
            "warning" => 2,
            _ => 1,
        };
        assert_eq!(done.code, expected, "{done:?}");
        Self {
            code: done.code,
            findings,
        }
    }

    /// The finding of an id.
    pub(crate) fn find(&self, id: &str) -> Option<&Value> {
        self.findings.iter().find(|it| it["id"] == id)
    }

    /// The finding is there with this status (its first letter), and its remedy has a text.
    #[track_caller]
    pub(crate) fn has(&self, id: &str, status: &str, remedy: &str) -> &Self {
        let Some(found) = self.find(id) else {
            panic!("no {id} in {:#?}", self.findings);
        };
        assert_eq!(found["status"], status, "{found:#}");
        let steps = found["remedy"].as_array().expect("steps");
        let has_step = steps.iter().any(|it| it.as_str().unwrap().contains(remedy));
        assert!(has_step, "no {remedy:?} in {found:#}");
        self
    }

    /// What it found has a text too.
    #[track_caller]
    pub(crate) fn tells(&self, id: &str, text: &str) -> &Self {
        let found = self.find(id).unwrap_or_else(|| panic!("no {id}"));
        let told = found["found"].as_str().unwrap();
        assert!(told.contains(text), "no {text:?} in {told:?}");
        self
    }

    /// The finding is not there.
    #[track_caller]
    pub(crate) fn lacks(&self, id: &str) -> &Self {
        assert!(self.find(id).is_none(), "{:#?}", self.find(id));
        self
    }

    /// Everything that is not fine, but for what depends on the machine that the tests run on.
    pub(crate) fn complaints(&self) -> Vec<&str> {
        let bad = self.findings.iter().filter(|it| it["status"] != "fine");
        let ids = bad.map(|it| it["id"].as_str().unwrap());
        ids.filter(|id| !id.starts_with("disk.")).collect()
    }
}

/// `kms/` with a new key and a tmkms.toml for a node at `addr`.
pub(crate) fn kms(home: &Home, addr: &str) {
    home.must(&format!(
        "tmkms init kms -n kira --chain-id {CHAIN} --addr {addr} &&
         tmkms softsign keygen kms/secrets/priv_validator_key.json"
    ));
}

/// A port at which nobody listens.
pub(crate) fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The address of the key in `kms/`, in hexadecimal.
pub(crate) fn address(home: &Home) -> String {
    let shown = home.must("tmkms key show kms/secrets/priv_validator_key.json");
    let line = shown.lines().find_map(|line| line.strip_prefix("address:"));
    line.expect("an address").trim().to_owned()
}

/// A node's RPC that says what it is told to say. It ends with the test's process.
pub(crate) struct RpcServer {
    pub(crate) url: String,
}

/// What it says.
#[derive(Clone)]
pub(crate) struct Says {
    pub(crate) chain: String,
    pub(crate) version: String,
    pub(crate) height: i64,
    /// The address of the key that the node uses.
    pub(crate) address: String,
    pub(crate) validators: Vec<String>,
    /// Those who signed the last block.
    pub(crate) signed: Vec<String>,
    /// How far its clock is ahead.
    pub(crate) ahead_s: i64,
    pub(crate) catching_up: bool,
    /// How old the last block is.
    pub(crate) block_age_s: i64,
    /// The path that it answers with an error.
    pub(crate) broken: &'static str,
}

impl Says {
    /// A node whose only validator has this key.
    pub(crate) fn validator(address: &str) -> Self {
        Self {
            chain: CHAIN.to_owned(),
            version: "0.37.2".to_owned(),
            height: 1,
            address: address.to_owned(),
            validators: vec![address.to_owned()],
            signed: vec![address.to_owned()],
            ahead_s: 0,
            catching_up: false,
            block_age_s: 0,
            broken: "none",
        }
    }

    fn answer(&self, path: &str) -> Value {
        let time = Self::date(self.ahead_s - self.block_age_s, "+%Y-%m-%dT%H:%M:%SZ");
        match path.split('?').next().unwrap() {
            "/status" => serde_json::json!({
                "node_info": {"network": self.chain, "version": self.version},
                "sync_info": {
                    "latest_block_height": self.height.to_string(),
                    "latest_block_time": time,
                    "catching_up": self.catching_up,
                },
                "validator_info": {"address": self.address},
            }),
            "/validators" => {
                let all = self.validators.iter();
                let all: Vec<Value> = all.map(|it| serde_json::json!({"address": it})).collect();
                serde_json::json!({"validators": all, "total": all.len().to_string()})
            }
            "/commit" => {
                let all = self.signed.iter();
                let all: Vec<Value> = all
                    .map(|it| serde_json::json!({"block_id_flag": 2, "validator_address": it}))
                    .collect();
                serde_json::json!({"signed_header": {"commit": {"signatures": all}}})
            }
            other => panic!("asked for {other}"),
        }
    }

    /// So many seconds from now.
    fn date(seconds: i64, format: &str) -> String {
        let at = format!("{seconds} seconds");
        let mut command = Command::new("date");
        command.args(["-u", "-d", &at, format]).env("LC_ALL", "C");
        let output = command.output().expect("date");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl RpcServer {
    pub(crate) fn start(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let mut request = String::new();
                while !request.ends_with("\r\n\r\n") {
                    stream.read_line(&mut request).unwrap();
                }
                let path = request.split_whitespace().nth(1).unwrap();
                let (status, body) = match path.starts_with(says.broken) {
                    true => ("500 Internal Server Error", Value::Null),
                    false => ("200 OK", says.answer(path)),
                };
                let body = serde_json::json!({"result": body});
                let date = Says::date(says.ahead_s, "+%a, %d %b %Y %H:%M:%S GMT");
                write!(
                    stream.get_mut(),
                    "HTTP/1.0 {status}\r\nDate: {date}\r\n\r\n{body}"
                )
                .unwrap();
            }
        });
        Self { url }
    }
}

#[test]
fn text_for_people_has_sign_finding_and_remedy() {
    let home = Home::new();
    kms(&home, "tcp://nowhere.invalid:26659");
    let done = home.tmkms(&["doctor", "-c", "kms/tmkms.toml"]);
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (1, ""),
        "{}",
        done.stdout
    );
    for expected in [
        "✔ config: kms/tmkms.toml is in order\n",
        "✖ dns: nowhere.invalid cannot be resolved: ",
        "    → getent hosts nowhere.invalid   (here, or in the signer's container)\n",
        "✖ signer: no signer runs on this state",
        "    → tmkms start -c kms/tmkms.toml",
    ] {
        assert!(
            done.stdout.contains(expected),
            "no {expected:?} in\n{}",
            done.stdout
        );
    }
    // The order in which a request travels.
    let at = |text: &str| done.stdout.find(text).unwrap();
    assert!(at("✖ dns") < at("✖ signer") && at("✖ signer") < at("✔ key"));
}
