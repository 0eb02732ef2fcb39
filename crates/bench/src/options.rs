//! The command line.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::contender::Contender;

/// Where the figures of a full run go, from the root of the workspace.
const DOCUMENT: &str = "docs/benchmarks.md";

/// Measures signers side by side.
#[derive(Debug, Parser)]
#[command(name = "bench", args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    /// How often each signer has its turn; the figures are medians over the rounds.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// Heights per turn back to back; each is a proposal, a prevote and a precommit.
    #[arg(long, default_value_t = 2000)]
    pub(crate) heights: u32,
    /// Requests per turn at a steady rate.
    #[arg(long, default_value_t = 2000)]
    pub(crate) paced: u32,
    /// The steady rate, in requests per second over all chains.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: u32,
    /// Chains of the signers with many chains.
    #[arg(long, default_value_t = 50)]
    pub(crate) chains: u32,
    /// Our signer.
    #[arg(long)]
    pub(crate) ours: Option<PathBuf>,
    /// Our signer linked statically, for its size.
    #[arg(long)]
    pub(crate) static_binary: Option<PathBuf>,
    /// Where `cargo xtask peers` builds the other signers.
    #[arg(long)]
    pub(crate) peers: Option<PathBuf>,
    /// Where the signers keep their state: this chooses the disk.
    #[arg(long, default_value = "target/bench")]
    pub(crate) directory: PathBuf,
    /// The document whose measured part is replaced: docs/benchmarks.md for a full run. Other
    /// runs show their figures on the screen unless this names one.
    #[arg(long)]
    pub(crate) output: Option<PathBuf>,
    /// A sentence to stand beside the machine's description.
    #[arg(long, value_name = "TEXT")]
    pub(crate) remark: Option<String>,
    /// Only these signers.
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<Contender>,
    /// Only one chain back to back.
    #[arg(long)]
    pub(crate) quick: bool,
    /// One round of a few requests, half a minute: tells that all of it works, not how fast.
    #[arg(long, conflicts_with_all = ["rounds", "heights", "paced", "chains"])]
    pub(crate) short: bool,
    /// Shows what the signers write.
    #[arg(long)]
    pub(crate) logs: bool,
    /// What else this program is.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Options {
    /// Reads the command line.
    pub(crate) fn read() -> Self {
        Self::parse().settled()
    }

    fn settled(mut self) -> Self {
        if self.short {
            self.rounds = 1;
            self.heights = 100;
            self.paced = 150;
            self.chains = 5;
        }
        let partial = self.short || self.quick || !self.only.is_empty();
        if !partial && self.output.is_none() {
            self.output = Some(Path::new(DOCUMENT).to_owned());
        }
        self
    }
}

/// What else this program is.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The floor: a signer that does the least that a durable signer can.
    #[command(hide = true)]
    Floor(FloorOptions),
    /// Tries the signers as `tmkms harness` does, and rewrites the table in docs/harness.md.
    Harness(HarnessOptions),
}

/// How the signers are tried.
#[derive(Debug, Args)]
pub(crate) struct HarnessOptions {
    /// The other signers too, not only ours; their table goes into docs/harness.md.
    #[arg(long)]
    pub(crate) peers: bool,
    /// Our signer.
    #[arg(long)]
    pub(crate) ours: Option<PathBuf>,
    /// Where the signers keep their state.
    #[arg(long, default_value = "target/bench")]
    pub(crate) directory: PathBuf,
    /// Shows what the signers write.
    #[arg(long)]
    pub(crate) logs: bool,
}

/// What the floor needs to know.
#[derive(Debug, Args)]
pub(crate) struct FloorOptions {
    /// A file with one node per line: the chain id, a space, the address.
    #[arg(long)]
    pub(crate) nodes: PathBuf,
    /// Where its files are.
    #[arg(long)]
    pub(crate) state: PathBuf,
    /// The file with the seed of the key, in base64.
    #[arg(long)]
    pub(crate) key: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(line: &str) -> Option<PathBuf> {
        let words = line.split_whitespace();
        Options::try_parse_from(words).unwrap().settled().output
    }

    #[test]
    fn only_a_full_run_writes_the_document_unasked() {
        assert_eq!(document("bench"), Some(DOCUMENT.into()));
        for part in ["--short", "--quick", "--only ours"] {
            assert_eq!(document(&format!("bench {part}")), None, "{part}");
            let named = format!("bench {part} --output x.md");
            assert_eq!(document(&named), Some("x.md".into()), "{part}");
        }
    }

    #[test]
    fn sizes_of_a_short_run_are_not_to_be_chosen() {
        let refused = Options::try_parse_from(["bench", "--short", "--rounds", "2"]).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains("'--short' cannot be used with"), "{text}");
    }
}
