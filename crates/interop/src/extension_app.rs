//! The ABCI application of `interop/extension-app`: a key-value store whose
//! precommits carry vote extensions.

use crate::binaries::extension_app;
use crate::ports::free_port;
use crate::process::Process;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A running application, for one node.
pub struct ExtensionApp {
    /// Where the node finds it.
    pub address: String,
    record: PathBuf,
    _process: Process,
}

/// What the application was shown of the precommits of one height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeenCommit {
    /// The height of the block that comes after these precommits.
    pub next_height: u64,
    /// Extensions that are the application's own, byte for byte.
    pub extensions: u64,
    /// Extension signatures. The node has verified them.
    pub signatures: u64,
    /// Length of all extensions together.
    pub bytes: u64,
}

impl ExtensionApp {
    /// Starts the application with extensions of `size` bytes and waits until it listens.
    pub fn start(dir: &Path, size: usize) -> Self {
        let address = format!("tcp://127.0.0.1:{}", free_port());
        let record = dir.join("extensions.txt");
        let mut command = Command::new(extension_app());
        command.args(["-addr", &address, "-size", &size.to_string(), "-log"]);
        command.arg(&record);
        let process = Process::start("extension-app", &mut command, &dir.join("app.log"));
        process.wait_for_output("listening on", Duration::from_secs(10));
        Self {
            address,
            record,
            _process: process,
        }
    }

    /// What the application has seen so far, in order.
    pub fn seen(&self) -> Vec<SeenCommit> {
        let text = std::fs::read_to_string(&self.record).unwrap_or_default();
        text.lines().map(SeenCommit::parse).collect()
    }
}

impl SeenCommit {
    /// `height=5 round=0 votes=1 extensions=1 signatures=1 extension_bytes=32`
    fn parse(line: &str) -> Self {
        let mut seen = Self::default();
        for (name, value) in line.split(' ').filter_map(|pair| pair.split_once('=')) {
            let value = value.parse().unwrap();
            match name {
                "height" => seen.next_height = value,
                "extensions" => seen.extensions = value,
                "signatures" => seen.signatures = value,
                "extension_bytes" => seen.bytes = value,
                _ => {}
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_application_is_read() {
        let line = "height=5 round=0 votes=1 extensions=1 signatures=2 extension_bytes=32";
        let expected = SeenCommit {
            next_height: 5,
            extensions: 1,
            signatures: 2,
            bytes: 32,
        };
        assert_eq!(SeenCommit::parse(line), expected);
    }
}
