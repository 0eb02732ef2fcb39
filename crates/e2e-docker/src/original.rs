//! The commands of KIRA's own guide to its kit, which operators have in their notes and scripts:
//! each has to work in ours as it is typed there. They are an interface, like the flags of a
//! program; what ours has instead, or shorter, stands in `docs/guide.md`.

use crate::document::Step;

/// Development, from the image to the signatures.
pub const DEVELOPMENT: &[&str] = &[
    "docker compose -f dev-compose.yml build tmkms",
    "docker compose -f dev-compose.yml up -d syslog-ng sekai tmkms",
    "CONTAINER=sekin-sekai-1",
    "docker exec $CONTAINER /scaller init --chain-id testnet-1 --moniker Genesis",
    "docker exec $CONTAINER /scaller keys-add --name genesis",
    "docker exec $CONTAINER /scaller add-genesis-account --name genesis",
    "docker exec $CONTAINER /scaller gentx-claim --name genesis --moniker Genesis",
    "docker run --rm \\\n  -v $(pwd)/sekai:/sekai \\\n  -v $(pwd)/tmkms/secrets:/tmkms \\\n  sekin-tmkms softsign import \\\n  /sekai/config/priv_validator_key.json \\\n  /tmkms/priv_validator_key.json",
    "docker run --rm \\\n  -v $(pwd)/tmkms/secrets:/out \\\n  sekin-tmkms init /out -n cosmoshub",
    "docker run --rm \\\n  -v $(pwd)/tmkms/secrets:/out \\\n  alpine mv /out/secrets/kms-identity.key /out/kms-identity.key",
    "docker run --rm \\\n  -v $(pwd)/tmkms/secrets:/out \\\n  alpine sh -c \"rm -rf /out/secrets /out/schema /out/state /out/tmkms.toml\"",
    "cp tmkms/tmkms.toml.example tmkms/tmkms.toml",
    "docker run --rm \\\n  -v $(pwd)/sekai:/sekai \\\n  alpine sed -i 's/priv_validator_laddr = \"\"/priv_validator_laddr = \"tcp:\\/\\/0.0.0.0:26659\"/' \\\n  /sekai/config/config.toml",
    "docker run --rm \\\n  -v $(pwd)/sekai:/sekai \\\n  alpine grep priv_validator_laddr /sekai/config/config.toml",
    "docker compose -f dev-compose.yml restart tmkms",
    "docker compose -f dev-compose.yml up -d sekai",
    "docker exec sekin-sekai-1 /scaller start",
    "docker logs sekin-tmkms-1 -f",
];

/// Its troubleshooting.
pub const TROUBLESHOOTING: &[&str] = &[
    "docker exec sekin-sekai-1 ps aux",
    "docker run --rm -v $(pwd)/sekai:/sekai alpine grep priv_validator_laddr /sekai/config/config.toml",
    "docker ps | grep tmkms",
    "docker network inspect kiranet",
    "docker run --rm -v $(pwd)/sekai:/sekai alpine cat /sekai/config/genesis.json | grep chain_id",
];

/// Production: the keys of the validator's end of the tunnel.
pub const VALIDATOR_KEYS: &[&str] = &[
    "wg genkey > validator_private.key",
    "cat validator_private.key | wg pubkey > validator_public.key",
    "cp tmkms/wireguard/validator/wg0.conf.example tmkms/wireguard/validator/wg0.conf",
];

/// The validator's machine, once both ends of the tunnel have their keys.
pub const VALIDATOR: &[&str] = &[
    "docker run --rm \\\n  -v $(pwd)/sekai:/sekai \\\n  alpine sed -i 's/priv_validator_laddr = \"\"/priv_validator_laddr = \"tcp:\\/\\/0.0.0.0:26659\"/' \\\n  /sekai/config/config.toml",
    "docker compose up -d",
    "docker compose -f tmkms/wireguard-compose.yml up -d",
];

/// The keys of the signer's end, in `tmkms/`.
pub const SIGNER_KEYS: &[&str] = &[
    "wg genkey > signer_private.key",
    "cat signer_private.key | wg pubkey > signer_public.key",
    "cp wireguard/signer/wg0.conf.example wireguard/signer/wg0.conf",
];

/// The signer's own files. The original forgets the mount of the key that is imported.
pub const SIGNER_FILES: &[&str] = &[
    "mkdir -p secrets state",
    "docker compose -f signer-compose.yml build tmkms",
    "docker run --rm \\\n  -v ~/original:/path/to/original \\\n  -v $(pwd)/secrets:/tmkms \\\n  sekin-tmkms softsign import \\\n  /path/to/original/priv_validator_key.json \\\n  /tmkms/priv_validator_key.json",
    "docker run --rm \\\n  -v $(pwd)/secrets:/out \\\n  sekin-tmkms init /out -n kira",
    "docker run --rm \\\n  -v $(pwd)/secrets:/out \\\n  alpine mv /out/secrets/kms-identity.key /out/kms-identity.key",
    "docker run --rm \\\n  -v $(pwd)/secrets:/out \\\n  alpine sh -c \"rm -rf /out/secrets /out/schema /out/state /out/tmkms.toml\"",
    "cp tmkms.toml.example tmkms.toml",
];

/// The signer starts.
pub const SIGNER: &[&str] = &[
    "docker compose -f signer-compose.yml up -d",
    "docker compose -f signer-compose.yml logs -f tmkms",
];

/// The commands as steps.
pub fn steps(part: &str, commands: &[&str]) -> Vec<Step> {
    let numbered = (1..).zip(commands);
    let step = |(number, command): (usize, &&str)| Step {
        at: format!("{part} {number}"),
        headings: Vec::new(),
        command: (*command).to_owned(),
        is_mentioned: false,
    };
    numbered.map(step).collect()
}
