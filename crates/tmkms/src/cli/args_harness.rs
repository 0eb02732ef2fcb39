//! The arguments of `harness`.

use clap::Parser;
use harness::{CHAIN, NotPublicKey, Place, parse_public_key};
use privval::{ChainId, PublicKey, Version};

/// `tmkms harness`.
#[derive(Debug, Parser)]
pub struct HarnessArgs {
    /// Where to listen for the signer: tcp://IP:PORT, with port 0 for a free one, or unix:///PATH
    #[arg(long, value_name = "ADDR", default_value = "tcp://127.0.0.1:0")]
    pub listen: Place,
    /// As nodes of which versions of CometBFT to ask, separated by commas: 0.34, 0.37, 0.38,
    /// 0.39, 0.40, 1.0. Without it: all of them
    #[arg(
        long = "protocol",
        value_name = "VERSION",
        value_delimiter = ',',
        value_parser = version
    )]
    pub protocols: Vec<Version>,
    /// The chain that the signer is set up for, by itself; one that cannot be live
    #[arg(long, value_name = "ID", default_value = CHAIN)]
    pub chain_id: ChainId,
    /// The first height to ask for. Without it: one that no chain reaches and no earlier run had
    #[arg(
        long,
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(i64).range(1..)
    )]
    pub height: Option<i64>,
    /// The public key that the signer must have, in base64 or hexadecimal
    #[arg(long, value_name = "KEY", value_parser = public_key)]
    pub public_key: Option<PublicKey>,
    /// Count it as a failure when vote extensions are not signed
    #[arg(long)]
    pub extensions: bool,
    /// How many seconds the signer may take to connect
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 60,
        value_parser = clap::value_parser!(u64).range(1..=86400)
    )]
    pub timeout: u64,
    /// Print everything as one line of JSON
    #[arg(long)]
    pub json: bool,
    /// Ask for real signatures of a live chain, or at heights that it may reach
    #[arg(long)]
    pub force: bool,
}

fn version(text: &str) -> Result<Version, String> {
    text.parse().map_err(|()| {
        let names = Version::ALL.map(|version| version.name().trim_start_matches('v'));
        format!("the versions are {}", names.join(", "))
    })
}

fn public_key(text: &str) -> Result<PublicKey, NotPublicKey> {
    parse_public_key(text)
}
