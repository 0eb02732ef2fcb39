//! The tables of the configuration file and their fields: names, what each expects, an example.
//!
//! Messages about wrong types, missing fields and misspelt names are all made from here, and so
//! is the list of fields in the documentation.

/// One field of a table.
#[derive(Debug)]
pub struct Field {
    /// Its name in the file.
    pub name: &'static str,
    /// What it expects, to be read after "expected".
    pub expects: &'static str,
    /// A line that is right.
    pub example: &'static str,
}

/// One table of the file.
#[derive(Debug)]
pub struct Schema {
    /// How the table is written: `[[chain]]`.
    pub title: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
}

impl Schema {
    /// The field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The names of all fields.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().map(|field| field.name)
    }
}

/// All tables, as the documentation lists them.
pub const TABLES: [&Schema; 12] = [
    &ROOT,
    &CHAIN,
    &KEY_FORMAT,
    &STATE_HOOK,
    &PROVIDERS,
    &SOFTSIGN,
    &VALIDATOR,
    &STATUS,
    &METRICS,
    &LOG,
    &AUDIT,
    &WIREGUARD,
];

/// The tables of `gateway.toml` that `tmkms.toml` has not.
pub const GATEWAY_TABLES: [&Schema; 2] = [&GATEWAY, &FORWARD];

/// The file itself.
pub const ROOT: Schema = Schema {
    title: "the configuration file",
    fields: &[
        Field {
            name: "chain",
            expects: "a list of tables, each written [[chain]]",
            example: "[[chain]]",
        },
        Field {
            name: "providers",
            expects: "a table with lists of keys, each written [[providers.softsign]]",
            example: "[[providers.softsign]]",
        },
        Field {
            name: "validator",
            expects: "a list of tables, each written [[validator]]",
            example: "[[validator]]",
        },
        Field {
            name: "status",
            expects: "a table, written [status]",
            example: "[status]",
        },
        Field {
            name: "metrics",
            expects: "a table, written [metrics]",
            example: "[metrics]",
        },
        Field {
            name: "log",
            expects: "a table, written [log]",
            example: "[log]",
        },
        Field {
            name: "audit",
            expects: "a table, written [audit]",
            example: "[audit]",
        },
        Field {
            name: "wireguard",
            expects: "a table, written [wireguard], or [[wireguard]] where there are several",
            example: "[wireguard]",
        },
    ],
};

/// A chain to sign for.
pub const CHAIN: Schema = Schema {
    title: "[[chain]]",
    fields: &[
        Field {
            name: "id",
            expects: "the chain id as a text in quotes",
            example: "id = \"testnet-1\"",
        },
        Field {
            name: "key_format",
            expects: "a table that says how public keys are shown",
            example: "key_format = { type = \"bech32\", account_key_prefix = \"kirapub\", consensus_key_prefix = \"kiravalconspub\" }",
        },
        Field {
            name: "state_file",
            expects: "a path as a text in quotes",
            example: "state_file = \"state/testnet-1-consensus.json\"",
        },
        Field {
            name: "sign_extensions",
            expects: "true or false, without quotes",
            example: "sign_extensions = true",
        },
        Field {
            name: "state_hook",
            expects: "a table with the command to run",
            example: "state_hook = { cmd = [\"/usr/local/bin/chain-height\", \"testnet-1\"], timeout_secs = 5, fail_closed = true }",
        },
        Field {
            name: "raw_bytes",
            expects: "\"off\", \"cometbft-1.0\" or \"celestia\"",
            example: "raw_bytes = \"off\"",
        },
    ],
};

/// How public keys of a chain are shown.
pub const KEY_FORMAT: Schema = Schema {
    title: "`key_format`",
    fields: &[
        Field {
            name: "type",
            expects: "\"bech32\", \"cosmos-json\" or \"hex\"",
            example: "type = \"cosmos-json\"",
        },
        Field {
            name: "account_key_prefix",
            expects: "a bech32 prefix as a text in quotes",
            example: "account_key_prefix = \"kirapub\"",
        },
        Field {
            name: "consensus_key_prefix",
            expects: "a bech32 prefix as a text in quotes",
            example: "consensus_key_prefix = \"kiravalconspub\"",
        },
    ],
};

/// A command that tells the chain's height at start.
pub const STATE_HOOK: Schema = Schema {
    title: "`state_hook`",
    fields: &[
        Field {
            name: "cmd",
            expects: "a list: the program and its arguments, each a text in quotes",
            example: "cmd = [\"/usr/local/bin/chain-height\", \"testnet-1\"]",
        },
        Field {
            name: "timeout_secs",
            expects: "whole seconds from 1 to 3600",
            example: "timeout_secs = 5",
        },
        Field {
            name: "fail_closed",
            expects: "true or false, without quotes",
            example: "fail_closed = true",
        },
    ],
};

/// Where keys live.
pub const PROVIDERS: Schema = Schema {
    title: "[providers]",
    fields: &[
        Field {
            name: "softsign",
            expects: "a list of tables, each written [[providers.softsign]]",
            example: "[[providers.softsign]]",
        },
        Field {
            name: "yubihsm",
            expects: "a list of tables, each written [[providers.yubihsm]]",
            example: "[[providers.yubihsm]]",
        },
        Field {
            name: "ledgertm",
            expects: "a list of tables, each written [[providers.ledgertm]]",
            example: "[[providers.ledgertm]]",
        },
        Field {
            name: "fortanixdsm",
            expects: "a list of tables, each written [[providers.fortanixdsm]]",
            example: "[[providers.fortanixdsm]]",
        },
    ],
};

/// A key in a file.
pub const SOFTSIGN: Schema = Schema {
    title: "[[providers.softsign]]",
    fields: &[
        Field {
            name: "chain_ids",
            expects: "a list of chain ids, each a text in quotes",
            example: "chain_ids = [\"testnet-1\"]",
        },
        Field {
            name: "key_type",
            expects: "\"consensus\" or \"account\"",
            example: "key_type = \"consensus\"",
        },
        Field {
            name: "path",
            expects: "a path as a text in quotes",
            example: "path = \"secrets/priv_validator_key.json\"",
        },
        Field {
            name: "key_format",
            expects: "\"base64\" or \"json\"",
            example: "key_format = \"base64\"",
        },
        Field {
            name: "algorithm",
            expects: "\"ed25519\" or \"secp256k1\"",
            example: "algorithm = \"ed25519\"",
        },
        Field {
            name: "passphrase_file",
            expects: "a path as a text in quotes",
            example: "passphrase_file = \"secrets/passphrase\"",
        },
        Field {
            name: "passphrase_fd",
            expects: "the number of a file descriptor, 0 or 3 to 1023",
            example: "passphrase_fd = 3",
        },
        Field {
            name: "passphrase_credential",
            expects: "the name of a credential as a text in quotes",
            example: "passphrase_credential = \"validator\"",
        },
    ],
};

/// A node to sign for.
pub const VALIDATOR: Schema = Schema {
    title: "[[validator]]",
    fields: &[
        Field {
            name: "chain_id",
            expects: "the chain id as a text in quotes",
            example: "chain_id = \"testnet-1\"",
        },
        Field {
            name: "addr",
            expects: "an address as a text in quotes",
            example: "addr = \"tcp://sekai.local:26659\"",
        },
        Field {
            name: "secret_key",
            expects: "a path as a text in quotes",
            example: "secret_key = \"secrets/kms-identity.key\"",
        },
        Field {
            name: "protocol_version",
            expects: "a version as a text in quotes",
            example: "protocol_version = \"v0.37\"",
        },
        Field {
            name: "reconnect",
            expects: "true or false, without quotes",
            example: "reconnect = true",
        },
        Field {
            name: "timeout",
            expects: "whole seconds from 1 to 65535",
            example: "timeout = 10",
        },
        Field {
            name: "max_height",
            expects: "a block height, 1 or more",
            example: "max_height = \"500000\"",
        },
    ],
};

/// Where the running signer tells what it does.
pub const STATUS: Schema = Schema {
    title: "[status]",
    fields: &[Field {
        name: "socket",
        expects: "a path as a text in quotes, or \"off\"",
        example: "socket = \"/run/tmkms/status.sock\"",
    }],
};

/// Where the running signer is measured, and has a page to look at.
pub const METRICS: Schema = Schema {
    title: "[metrics]",
    fields: &[Field {
        name: "listen",
        expects: "an IP address and a port as a text in quotes",
        example: "listen = \"127.0.0.1:26661\"",
    }],
};

/// Where the log goes.
pub const LOG: Schema = Schema {
    title: "[log]",
    fields: &[
        Field {
            name: "output",
            expects: "\"stdout\", \"syslog\" or \"journald\"",
            example: "output = \"syslog\"",
        },
        Field {
            name: "format",
            expects: "\"text\" or \"json\"",
            example: "format = \"json\"",
        },
        Field {
            name: "level",
            expects: "\"error\", \"warn\", \"info\" or \"debug\"",
            example: "level = \"info\"",
        },
        Field {
            name: "address",
            expects: "unix:///PATH or udp://IP:PORT as a text in quotes",
            example: "address = \"udp://10.1.0.2:514\"",
        },
        Field {
            name: "facility",
            expects: "the name of a facility of syslog: \"local0\" to \"local7\", \"daemon\", …",
            example: "facility = \"local0\"",
        },
        Field {
            name: "tag",
            expects: "a name as a text in quotes",
            example: "tag = \"tmkms\"",
        },
    ],
};

/// Where signatures and refusals are recorded.
pub const AUDIT: Schema = Schema {
    title: "[audit]",
    fields: &[
        Field {
            name: "file",
            expects: "a path as a text in quotes",
            example: "file = \"audit/audit.log\"",
        },
        Field {
            name: "rotate_mib",
            expects: "whole MiB from 1 to 1048576",
            example: "rotate_mib = 64",
        },
    ],
};

/// A tunnel, of the signer or of the gateway.
pub const WIREGUARD: Schema = Schema {
    title: "[wireguard]",
    fields: &[Field {
        name: "config",
        expects: "a path as a text in quotes",
        example: "config = \"wg0.conf\"",
    }],
};

/// `gateway.toml` itself.
pub const GATEWAY: Schema = Schema {
    title: "the gateway's file",
    fields: &[
        Field {
            name: "wireguard",
            expects: "a table, written [wireguard]",
            example: "[wireguard]",
        },
        Field {
            name: "forward",
            expects: "a list of tables, each written [[forward]]",
            example: "[[forward]]",
        },
        Field {
            name: "status",
            expects: "a table, written [status]",
            example: "[status]",
        },
    ],
};

/// A port inside the tunnel, and the node behind it.
pub const FORWARD: Schema = Schema {
    title: "[[forward]]",
    fields: &[
        Field {
            name: "listen",
            expects: "a TCP port from 1 to 65535, without quotes",
            example: "listen = 26659",
        },
        Field {
            name: "upstream",
            expects: "a node's HOST:PORT as a text in quotes",
            example: "upstream = \"sekai.local:26659\"",
        },
        Field {
            name: "allowed",
            expects: "a list of addresses or networks inside the tunnel, each a text in quotes",
            example: "allowed = [\"10.200.0.2\"]",
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_toml_and_sets_its_own_field() {
        for field in TABLES
            .iter()
            .chain(&GATEWAY_TABLES)
            .flat_map(|table| table.fields)
        {
            let tree = toml::de::DeTable::parse(field.example)
                .unwrap_or_else(|e| panic!("{}: {e}", field.example));
            let tree = tree.get_ref();
            let inside = tree.get("providers").and_then(|p| p.get_ref().as_table());
            let found = tree.contains_key(field.name)
                || inside.is_some_and(|table| table.contains_key(field.name));
            assert!(found, "{} is not in its example", field.name);
        }
    }
}
