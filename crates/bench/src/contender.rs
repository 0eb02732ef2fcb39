//! The signers that are compared, and how each of them is started.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;

use crate::error::BenchError;
use crate::scene::Files;

/// A signer that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Contender {
    /// The least that a durable signer can do.
    Floor,
    /// The signer of this project.
    Ours,
    /// tmkms 0.15.0.
    Tmkms,
    /// CometBFT's FilePV behind its SignerServer.
    FilePv,
    /// horcrux 3.3.2 in its single mode.
    Horcrux,
}

/// How a signer reaches a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Transport {
    /// `tcp://`, in a SecretConnection.
    Tcp,
    /// `unix://`, in plain.
    Unix,
}

/// Where the programs are.
#[derive(Debug)]
pub(crate) struct Programs {
    /// Ours.
    pub(crate) ours: PathBuf,
    /// The folder of `cargo xtask peers`.
    pub(crate) peers: PathBuf,
}

impl Contender {
    /// In the order of the tables.
    pub(crate) const ALL: [Self; 5] = [
        Self::Floor,
        Self::Ours,
        Self::Tmkms,
        Self::FilePv,
        Self::Horcrux,
    ];

    /// Why it cannot be measured over a transport.
    pub(crate) fn lacks(self, transport: Transport) -> Option<&'static str> {
        let secret_over_unix =
            "horcrux begins a SecretConnection on Unix sockets too, which no node answers";
        (self == Self::Horcrux && transport == Transport::Unix).then_some(secret_over_unix)
    }

    /// The command that starts it. Its files are there already.
    pub(crate) fn command(self, programs: &Programs, files: &Files) -> Result<Command, BenchError> {
        let mut command = Command::new(self.program(programs)?);
        command.current_dir(files.root());
        command.env("XDG_RUNTIME_DIR", files.run());
        match self {
            Self::Floor => command
                .arg("floor")
                .args([Path::new("--nodes"), &files.nodes()])
                .args([Path::new("--state"), &files.state()])
                .args([Path::new("--key"), &files.seed()]),
            Self::Ours | Self::Tmkms => command.arg("start").arg("-c").arg(files.tmkms_toml()),
            Self::FilePv => command
                .args([Path::new("-nodes"), &files.nodes()])
                .args([Path::new("-state"), &files.state()])
                .args([Path::new("-key"), &files.go_key()]),
            Self::Horcrux => command
                .args(["start", "--accept-risk", "--home"])
                .arg(files.root()),
        };
        Ok(command)
    }

    /// Its executable file.
    pub(crate) fn program(self, programs: &Programs) -> Result<PathBuf, BenchError> {
        let program = match self {
            Self::Floor => std::env::current_exe()?,
            Self::Ours => programs.ours.clone(),
            Self::Tmkms => programs.peers.join("tmkms-0.15.0/bin/tmkms"),
            Self::FilePv => programs.peers.join("file-pv-signer/file-pv-signer"),
            Self::Horcrux => programs.peers.join("horcrux-3.3.2/horcrux"),
        };
        if program.is_file() {
            return Ok(program);
        }
        Err(BenchError::program(
            &program,
            &"it is not there; `cargo xtask bench` builds it first",
        ))
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Floor => "the floor",
            Self::Ours => "ours",
            Self::Tmkms => "tmkms 0.15.0",
            Self::FilePv => "FilePV + SignerServer",
            Self::Horcrux => "horcrux 3.3.2, single",
        })
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Unix => "Unix socket",
        })
    }
}
