//! The node's home directory: where it waits for its signer, and which keys lie about there.
//!
//! Invariant: nothing in it is written, and no private key in it is read into a signer's key.

use std::fs;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use guard::Knowledge;
use serde::Deserialize;
use serde_json::Value;

use super::finding::Finding;
use super::node::NodeView;
use super::state::Past;
use crate::signer::read_mark;

/// Far more than any of these files needs.
const MAX_LEN: u64 = 1 << 20;

/// What CometBFT takes where config.toml does not say.
pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);

/// As much of config.toml as matters here.
#[derive(Clone, Debug, Default, Deserialize)]
struct ConfigToml {
    #[serde(default)]
    priv_validator_laddr: String,
    #[serde(default)]
    consensus: Consensus,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Consensus {
    timeout_propose: Option<String>,
    timeout_prevote: Option<String>,
    timeout_precommit: Option<String>,
    timeout_vote: Option<String>,
}

/// Where a node waits for its signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Listens {
    /// Nowhere: it signs by itself.
    Nowhere,
    /// On TCP; no host means every address.
    Tcp {
        /// As it is written.
        host: String,
        /// Never 0.
        port: u16,
    },
    /// On a Unix socket.
    Unix(PathBuf),
    /// On something that this signer does not speak, or that means nothing.
    Elsewhere(String),
}

/// A node's home.
#[derive(Clone, Debug)]
pub(super) struct NodeHome {
    pub(super) directory: PathBuf,
    pub(super) listens: Listens,
    /// The shortest time that the node waits for a message of its validator.
    pub(super) timeout: Duration,
    /// The address in priv_validator_key.json, if there is one.
    pub(super) key: Option<String>,
}

impl NodeHome {
    /// Reads a home directory; reports what cannot be read.
    pub(super) fn read(directory: &Path, findings: &mut Vec<Finding>) -> Option<Self> {
        let file = directory.join("config/config.toml");
        let config: ConfigToml = match read_text(&file).and_then(|text| parse(&text)) {
            Ok(config) => config,
            Err(Trouble::Missing) => {
                let found = format!(
                    "{} is no node's home: it has no config/config.toml",
                    directory.display()
                );
                findings.push(
                    Finding::broken("home.missing", found)
                        .mend("name the node's home: the directory behind its --home"),
                );
                return None;
            }
            Err(Trouble::Denied) => {
                findings.push(
                    Finding::unseen(
                        "home.unseen",
                        &file.display().to_string(),
                        "permission denied",
                    )
                    .mend("run as the user that runs the node, or as root"),
                );
                return None;
            }
            Err(Trouble::Bad(why)) => {
                let found = format!("{} cannot be used: {why}", file.display());
                findings.push(Finding::broken("home.bad_config", found).mend("correct that line"));
                return None;
            }
        };
        Some(Self {
            directory: directory.to_owned(),
            timeout: shortest(&config.consensus),
            listens: listens(&config.priv_validator_laddr),
            key: address(&directory.join("config/priv_validator_key.json"), findings),
        })
    }

    fn config(&self) -> String {
        self.directory
            .join("config/config.toml")
            .display()
            .to_string()
    }

    fn key_file(&self) -> String {
        self.directory
            .join("config/priv_validator_key.json")
            .display()
            .to_string()
    }
}

enum Trouble {
    Missing,
    Denied,
    Bad(String),
}

fn read_text(path: &Path) -> Result<String, Trouble> {
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(Trouble::Denied),
        Err(_) => return Err(Trouble::Missing),
    };
    if !metadata.is_file() {
        return Err(Trouble::Bad("it is not a file".to_owned()));
    }
    if metadata.len() > MAX_LEN {
        return Err(Trouble::Bad("it is larger than 1 MiB".to_owned()));
    }
    fs::read_to_string(path).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => Trouble::Denied,
        _ => Trouble::Bad(error.to_string()),
    })
}

fn parse(text: &str) -> Result<ConfigToml, Trouble> {
    toml::from_str(text).map_err(|error| Trouble::Bad(error.message().to_owned()))
}

/// As CometBFT reads the value: without a scheme it is TCP.
fn listens(text: &str) -> Listens {
    if text.is_empty() {
        return Listens::Nowhere;
    }
    if let Some(path) = text.strip_prefix("unix://") {
        return Listens::Unix(path.into());
    }
    let rest = match text.split_once("://") {
        Some(("tcp", rest)) => rest,
        Some(_) => return Listens::Elsewhere(text.to_owned()),
        None => text,
    };
    let split = rest.rsplit_once(':');
    let tcp = split.and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    match tcp.filter(|(_, port)| *port > 0) {
        Some((host, port)) => Listens::Tcp {
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
        },
        None => Listens::Elsewhere(text.to_owned()),
    }
}

/// `3s`, `500ms`: all that CometBFT writes.
fn shortest(consensus: &Consensus) -> Duration {
    let texts = [
        &consensus.timeout_propose,
        &consensus.timeout_prevote,
        &consensus.timeout_precommit,
        &consensus.timeout_vote,
    ];
    let known = texts.into_iter().flatten().filter_map(|text| {
        let (number, unit) = match text.strip_suffix("ms") {
            Some(number) => (number, 1),
            None => (text.strip_suffix('s')?, 1_000),
        };
        let number: u64 = number.parse().ok()?;
        Some(Duration::from_millis(number.saturating_mul(unit)))
    });
    let known = known.filter(|timeout| !timeout.is_zero());
    known.min().unwrap_or(DEFAULT_TIMEOUT)
}

/// The address that a key file names; the private key in it is not looked at.
fn address(path: &Path, findings: &mut Vec<Finding>) -> Option<String> {
    let text = match read_text(path) {
        Ok(text) => text,
        Err(Trouble::Missing) => return None,
        Err(Trouble::Denied) => {
            findings.push(
                Finding::unseen(
                    "home.key_unseen",
                    &path.display().to_string(),
                    "permission denied",
                )
                .mend("run as the user that runs the node, or as root"),
            );
            return None;
        }
        Err(Trouble::Bad(_)) => return Some(String::new()),
    };
    let text = zeroize::Zeroizing::new(text);
    #[derive(Deserialize)]
    struct KeyFile {
        address: String,
    }
    let file: Result<KeyFile, _> = serde_json::from_str(&text);
    Some(file.map(|file| file.address).unwrap_or_default())
}

/// The address of the node's listener.
pub(super) fn judge_address(home: &NodeHome, signer_is_here: bool) -> Finding {
    let config = home.config();
    match &home.listens {
        Listens::Nowhere => Finding::broken(
            "home.no_laddr",
            format!(
                "priv_validator_laddr in {config} is empty: the node signs with a key file of its \
                 own, and never listens for a signer"
            ),
        )
        .mend(format!(
            "sed -i 's|^priv_validator_laddr = .*|priv_validator_laddr = \"tcp://0.0.0.0:26659\"|' {config}   (and restart the node)"
        ))
        .mend("with scaller: `scaller remote-signer enable`, which takes the key away too"),
        Listens::Elsewhere(text) => Finding::broken(
            "home.bad_laddr",
            format!("priv_validator_laddr = {text:?} in {config} is nothing that this signer can dial"),
        )
        .mend("priv_validator_laddr = \"tcp://ADDRESS:26659\", or \"unix:///PATH\""),
        Listens::Unix(path) => Finding::fine(
            "home.laddr",
            format!("the node waits for its signer on unix://{}", path.display()),
        ),
        Listens::Tcp { host, port } => {
            let is_loopback = host == "localhost"
                || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
            if is_loopback && !signer_is_here {
                return Finding::warning(
                    "home.loopback",
                    format!(
                        "priv_validator_laddr in {config} is {host}:{port}: only a signer on this \
                         machine, or in the node's own container, reaches it; any other is refused"
                    ),
                )
                .mend("priv_validator_laddr = \"tcp://0.0.0.0:26659\" in a container; on a machine its address inside the tunnel: \"tcp://10.200.0.1:26659\"");
            }
            let host = if host.is_empty() { "every address" } else { host };
            Finding::fine("home.laddr", format!("the node waits for its signer on {host}:{port}"))
        }
    }
}

/// The key file that lies in the node's home. `ours` are the addresses of the signer's keys, none
/// on a machine without tmkms.toml.
pub(super) fn judge_key(
    home: &NodeHome,
    ours: &[String],
    view: Option<&NodeView>,
) -> Option<Finding> {
    let file = home.key_file();
    let remote = home.listens != Listens::Nowhere;
    let Some(theirs) = &home.key else {
        return remote.then(|| Finding::fine("home.no_key", format!("{file} is not there")));
    };
    let is_validator = view.and_then(|view| view.has_validator(theirs));
    if ours.contains(theirs) {
        return Some(local_key(&file, "it is the key that this signer holds"));
    }
    if is_validator == Some(true) && !ours.is_empty() {
        return Some(
            Finding::broken(
                "home.decoy_claimed",
                format!(
                    "the chain's validator is {theirs}, the key in {file}, and not the signer's: \
                     either the decoy was claimed that a node writes at each start, or the signer \
                     has another key than the validator's"
                ),
            )
            .mend("if it is the validator's key: `tmkms softsign import` it, with its state")
            .mend(
                "if it is a decoy: claim the seat again with `--pubkey` of `tmkms key show FILE`",
            ),
        );
    }
    if is_validator == Some(true) && remote {
        return Some(local_key(&file, "it is a validator of the chain"));
    }
    if !remote {
        return None;
    }
    if ours.is_empty() && is_validator.is_none() {
        return Some(
            Finding::warning(
                "home.key_unknown",
                format!(
                    "{file} is there, with the address {theirs}: a decoy, which a node with a \
                     remote signer writes at each start, or the validator's own key"
                ),
            )
            .mend("tmkms doctor --node-home DIR --rpc http://127.0.0.1:26657   (tells which)"),
        );
    }
    Some(Finding::fine(
        "home.decoy",
        format!(
            "{file} is a decoy: a node with a remote signer writes one at each start. Never claim \
             a seat without --pubkey, which would register it"
        ),
    ))
}

fn local_key(file: &str, which: &str) -> Finding {
    Finding::broken(
        "home.key_still_there",
        format!(
            "{file} is still there, and {which}: the node signs with it as soon as \
             priv_validator_laddr is empty, beside this signer"
        ),
    )
    .mend(format!(
        "mv -n {file} OFFLINE_BACKUP   (with the node stopped)"
    ))
    .mend("with scaller: `scaller remote-signer enable`, which takes key and state away together")
}

/// What the node itself had signed, beside what the signer knows: it is behind when the node went
/// on after its key was imported.
pub(super) fn judge_state(home: &NodeHome, past: &Past) -> Option<Finding> {
    let file = home.directory.join("data/priv_validator_state.json");
    let Knowledge::Mark(theirs) = read_mark(&file).ok()?.knowledge else {
        return None;
    };
    if !past.is_known
        || past
            .mark
            .as_ref()
            .is_some_and(|ours| ours.hrs() >= theirs.hrs())
    {
        return None;
    }
    let found = format!(
        "{} says that the node signed up to h/r/s {}, of which the signer knows nothing: it could \
         sign there again",
        file.display(),
        theirs.hrs()
    );
    Some(Finding::broken("home.state_ahead", found).mend(format!(
        "tmkms state import -c tmkms.toml {}   (with signer and node stopped)",
        file.display()
    )))
}

/// Whether RPC and home are of one chain.
pub(super) fn chain_id(home: &NodeHome) -> Option<String> {
    let text = read_text(&home.directory.join("config/genesis.json")).ok()?;
    let genesis: Value = serde_json::from_str(&text).ok()?;
    Some(genesis.get("chain_id")?.as_str()?.to_owned())
}

/// The chain of the node's genesis beside those of tmkms.toml.
pub(super) fn judge_chain(home: &NodeHome, ours: &[String]) -> Option<Finding> {
    let theirs = chain_id(home)?;
    if ours.is_empty() || ours.contains(&theirs) {
        return None;
    }
    let found = format!(
        "the node's genesis is of chain {theirs}, tmkms.toml has {}: the node's requests are \
         refused, and a node that starts exits",
        ours.join(", ")
    );
    Some(Finding::broken("home.chain_id_differs", found).mend(format!(
        "write {theirs:?} for `id`, `chain_ids` and `chain_id` in tmkms.toml, with a state_file of \
         its own"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: &str = "B60771A863DD6C09082164E095301977DC3CC9F9";
    const OTHER: &str = "00000000000000000000000000000000000000AA";

    fn home(laddr: &str, key: Option<&str>) -> NodeHome {
        NodeHome {
            directory: "/n".into(),
            listens: listens(laddr),
            timeout: DEFAULT_TIMEOUT,
            key: key.map(str::to_owned),
        }
    }

    fn view(validators: &[&str]) -> NodeView {
        NodeView {
            at: String::new(),
            chain_id: String::new(),
            version: String::new(),
            height: 1,
            catching_up: false,
            block_age_s: None,
            skew_s: None,
            address: String::new(),
            validators: Ok(validators.iter().map(|one| (*one).to_owned()).collect()),
            signed: Vec::new(),
        }
    }

    #[test]
    fn address_is_read_as_cometbft_reads_it() {
        let tcp = |host: &str, port| Listens::Tcp {
            host: host.to_owned(),
            port,
        };
        for (text, expected) in [
            ("", Listens::Nowhere),
            ("tcp://0.0.0.0:26659", tcp("0.0.0.0", 26659)),
            ("127.0.0.1:1", tcp("127.0.0.1", 1)),
            ("tcp://[::1]:5", tcp("::1", 5)),
            ("tcp://:5", tcp("", 5)),
            ("unix:///run/s", Listens::Unix("/run/s".into())),
            (
                "noise://id@h:1",
                Listens::Elsewhere("noise://id@h:1".to_owned()),
            ),
            ("tcp://h", Listens::Elsewhere("tcp://h".to_owned())),
            ("tcp://h:0", Listens::Elsewhere("tcp://h:0".to_owned())),
        ] {
            assert_eq!(listens(text), expected, "{text}");
        }
    }

    #[test]
    fn address_is_judged_by_who_can_reach_it() {
        for (laddr, is_here, id) in [
            ("", false, "home.no_laddr"),
            ("noise://x@h:1", false, "home.bad_laddr"),
            ("tcp://127.0.0.1:26659", false, "home.loopback"),
            ("tcp://127.0.0.1:26659", true, "home.laddr"),
            ("tcp://10.200.0.1:26659", false, "home.laddr"),
            ("unix:///run/s", false, "home.laddr"),
        ] {
            assert_eq!(judge_address(&home(laddr, None), is_here).id, id, "{laddr}");
        }
    }

    #[test]
    fn key_in_the_home_is_told_from_a_decoy() {
        let remote = |key| home("tcp://0.0.0.0:1", key);
        let ours = [US.to_owned()];
        let id = |home: &NodeHome, ours: &[String], view: Option<&NodeView>| {
            judge_key(home, ours, view).map(|finding| finding.id)
        };
        assert_eq!(id(&remote(None), &ours, None), Some("home.no_key"));
        assert_eq!(
            id(&remote(Some(US)), &ours, None),
            Some("home.key_still_there")
        );
        assert_eq!(id(&remote(Some(OTHER)), &ours, None), Some("home.decoy"));
        assert_eq!(
            id(&remote(Some(OTHER)), &[], None),
            Some("home.key_unknown")
        );
        let set = view(&[US]);
        assert_eq!(
            id(&remote(Some(US)), &[], Some(&set)),
            Some("home.key_still_there")
        );
        assert_eq!(
            id(&remote(Some(OTHER)), &[], Some(&set)),
            Some("home.decoy")
        );
        let claimed = view(&[OTHER]);
        assert_eq!(
            id(&remote(Some(OTHER)), &ours, Some(&claimed)),
            Some("home.decoy_claimed")
        );
        // A node that signs by itself has its key where it belongs.
        assert_eq!(id(&home("", Some(OTHER)), &[], None), None);
    }

    #[test]
    fn shortest_timeout_is_found_in_both_units() {
        let consensus = Consensus {
            timeout_propose: Some("3s".to_owned()),
            timeout_prevote: Some("500ms".to_owned()),
            timeout_precommit: Some("soon".to_owned()),
            timeout_vote: Some("0s".to_owned()),
        };
        assert_eq!(shortest(&consensus), Duration::from_millis(500));
        assert_eq!(shortest(&Consensus::default()), DEFAULT_TIMEOUT);
    }
}
