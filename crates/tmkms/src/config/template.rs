//! The configuration that `tmkms init` writes.
//!
//! Invariant: every template parses without an error and without a warning, and is within its
//! directory: all paths are relative to the file.

use std::fmt;
use std::str::FromStr;

use privval::ChainId;

/// A network whose key prefixes are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// KIRA.
    Kira,
    /// Cosmos Hub.
    CosmosHub,
    /// Osmosis.
    Osmosis,
    /// IRISnet.
    IrisHub,
    /// Persistence; tmkms calls it `core`.
    Persistence,
    /// Sentinel.
    SentinelHub,
}

/// What is known of a network.
struct Facts {
    name: &'static str,
    title: &'static str,
    chain_id: &'static str,
    account_prefix: &'static str,
    consensus_prefix: &'static str,
}

impl Network {
    /// All of them, in the order in which help texts list them.
    pub const ALL: [Self; 6] = [
        Self::Kira,
        Self::CosmosHub,
        Self::Osmosis,
        Self::IrisHub,
        Self::Persistence,
        Self::SentinelHub,
    ];

    fn facts(self) -> Facts {
        let facts = |name, title, chain_id, account_prefix, consensus_prefix| Facts {
            name,
            title,
            chain_id,
            account_prefix,
            consensus_prefix,
        };
        match self {
            Self::Kira => facts("kira", "KIRA", "testnet-1", "kirapub", "kiravalconspub"),
            Self::CosmosHub => facts(
                "cosmoshub",
                "Cosmos Hub",
                "cosmoshub-4",
                "cosmospub",
                "cosmosvalconspub",
            ),
            Self::Osmosis => facts(
                "osmosis",
                "Osmosis",
                "osmosis-1",
                "osmopub",
                "osmovalconspub",
            ),
            Self::IrisHub => facts("irishub", "IRISnet", "irishub-1", "iap", "icp"),
            Self::Persistence => facts(
                "persistence",
                "Persistence",
                "core-1",
                "persistencepub",
                "persistencevalconspub",
            ),
            Self::SentinelHub => facts(
                "sentinelhub",
                "Sentinel",
                "sentinelhub-2",
                "sentpub",
                "sentvalconspub",
            ),
        }
    }

    /// The name that `init -n` takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The bech32 prefix of consensus public keys.
    #[must_use]
    pub fn consensus_key_prefix(self) -> &'static str {
        self.facts().consensus_prefix
    }

    /// The chain id to use when none is given.
    #[must_use]
    pub fn default_chain_id(self) -> &'static str {
        self.facts().chain_id
    }

    /// The address of the node to use when none is given.
    #[must_use]
    pub fn default_addr(self) -> &'static str {
        match self {
            Self::Kira => "tcp://sekai.local:26659",
            _ => Template::DEFAULT_ADDR,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A network name that `init` has no template for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no template is called {0:?}; there are kira, cosmoshub, osmosis, irishub, persistence and sentinelhub. For any other chain leave -n out and give --chain-id"
)]
pub struct UnknownNetwork(pub String);

impl FromStr for Network {
    type Err = UnknownNetwork;

    fn from_str(name: &str) -> Result<Self, UnknownNetwork> {
        let name = if name == "core" { "persistence" } else { name };
        Self::ALL
            .into_iter()
            .find(|network| network.name() == name)
            .ok_or_else(|| UnknownNetwork(name.to_owned()))
    }
}

/// What a configuration file is written for.
#[derive(Clone, Debug)]
pub struct Template {
    /// The network; without one, public keys are shown as Cosmos JSON, which needs no prefixes.
    pub network: Option<Network>,
    /// The chain.
    pub chain_id: ChainId,
    /// The node's address: one that parses as [`Address`](super::Address).
    pub addr: String,
}

impl Template {
    /// The address of a node on the same machine.
    pub const DEFAULT_ADDR: &'static str = "tcp://127.0.0.1:26659";

    /// The identity for the connection, from the directory of the file.
    pub const IDENTITY_FILE: &'static str = "secrets/kms-identity.key";

    /// The consensus key, from the directory of the file.
    #[must_use]
    pub fn key_file(&self) -> String {
        match self.network {
            Some(Network::Kira) => "secrets/priv_validator_key.json".to_owned(),
            _ => format!("secrets/{}-consensus.key", self.chain_id),
        }
    }

    /// The state, from the directory of the file.
    #[must_use]
    pub fn state_file(&self) -> String {
        format!("state/{}-consensus.json", self.chain_id)
    }

    /// The text of the file.
    #[must_use]
    pub fn render(&self) -> String {
        let title = self.network.map_or("", |network| network.facts().title);
        let title = if title.is_empty() {
            self.chain_id.as_str()
        } else {
            title
        };
        format!(
            "# tmkms: signs for a validator of {title}.\n\
             # Relative paths are meant from the directory of this file.\n\
             \n\
             # The chain. The state file remembers what was signed last: never delete it,\n\
             # never run two signers with copies of it.\n\
             [[chain]]\n\
             id = {id}\n\
             key_format = {key_format}\n\
             state_file = {state_file}\n\
             \n\
             # The consensus key, in the form that `tmkms softsign import` writes.\n\
             [[providers.softsign]]\n\
             chain_ids = [{id}]\n\
             key_type = \"consensus\"\n\
             path = {key_file}\n\
             \n\
             # The node: its priv_validator_laddr, as seen from this machine.\n\
             [[validator]]\n\
             chain_id = {id}\n\
             addr = {addr}\n\
             secret_key = {identity}\n\
             reconnect = true\n",
            id = toml_text(self.chain_id.as_str()),
            key_format = self.key_format(),
            state_file = toml_text(&self.state_file()),
            key_file = toml_text(&self.key_file()),
            addr = toml_text(&self.addr),
            identity = toml_text(Self::IDENTITY_FILE),
        )
    }

    fn key_format(&self) -> String {
        match self.network.map(Network::facts) {
            None => "{ type = \"cosmos-json\" }".to_owned(),
            Some(facts) => format!(
                "{{ type = \"bech32\", account_key_prefix = {}, consensus_key_prefix = {} }}",
                toml_text(facts.account_prefix),
                toml_text(facts.consensus_prefix),
            ),
        }
    }
}

/// A text as a basic string of TOML 1.0.
fn toml_text(text: &str) -> String {
    let escape = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\U{:08x}", u32::from(c)),
        c => c.to_string(),
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Endpoint};
    use super::*;

    fn template(network: Option<Network>, chain_id: &str, addr: &str) -> Template {
        Template {
            network,
            chain_id: ChainId::new(chain_id).unwrap(),
            addr: addr.to_owned(),
        }
    }

    fn parsed(template: &Template) -> Config {
        let loaded = Config::parse(&template.render(), "/home/kms/tmkms.toml").unwrap();
        assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
        loaded.config
    }

    #[test]
    fn every_network_has_a_template_that_parses_without_a_warning() {
        for network in Network::ALL {
            let template = template(
                Some(network),
                network.default_chain_id(),
                network.default_addr(),
            );
            let config = parsed(&template);
            assert_eq!(config.validators.len(), 1, "{network}");
            assert_eq!(network.name().parse(), Ok(network));
            let Endpoint::Tcp { secret_key, .. } = &config.validators[0].endpoint else {
                panic!("{network}: not tcp");
            };
            assert!(secret_key.value.ends_with(Template::IDENTITY_FILE));
            assert!(config.softsign[0].path.value.ends_with(template.key_file()));
            assert!(
                config.chains[0]
                    .state_file
                    .value
                    .ends_with(template.state_file())
            );
        }
    }

    #[test]
    fn any_chain_has_one_too_whatever_its_name_needs_escaping() {
        for (id, addr) in [
            ("my\"chain\\1", "unix:///run/a\\b \"c\".sock"),
            ("ü-1", "tcp://[::1]:26659"),
        ] {
            let config = parsed(&template(None, id, addr));
            assert_eq!(config.chains[0].id.as_str(), id);
            assert_eq!(config.validators[0].endpoint.to_string(), addr);
        }
    }

    #[test]
    fn kira_has_the_files_of_its_guide() {
        let config = parsed(&template(
            Some(Network::Kira),
            "testnet-1",
            "tcp://sekai.local:26659",
        ));
        let path = config.softsign[0].path.value.to_string_lossy().into_owned();
        assert_eq!(path, "/home/kms/secrets/priv_validator_key.json");
    }

    #[test]
    fn another_name_is_refused_with_the_list() {
        let error = "cosmos".parse::<Network>().unwrap_err().to_string();
        assert!(error.contains("there are kira, cosmoshub"), "{error}");
        assert_eq!("core".parse(), Ok(Network::Persistence));
    }
}
