//! What is in each archive, beside the program.

use std::fs;
use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;
use tmkms::cli::Args;

use crate::bill;
use crate::source::Source;
use crate::staging::Staging;
use crate::{Outcome, doing};

/// Directories of the repository that are in the signer's archive as they are, and in its package
/// below another name.
pub const DIRECTORIES: [&str; 2] = ["deploy/systemd", "deploy/firewall"];

/// Fills the archive of a program.
///
/// # Errors
/// What the system says.
pub fn stage(source: &Source, target: &str, program: &str, built: &Path, to: &Staging) -> Outcome {
    to.copy(&built.join(program), program)?;
    to.put("sbom.cdx.json", &bill::of(source, target, program)?, false)?;
    for document in ["LICENSE", "CHANGELOG.md"] {
        to.copy(&source.root().join(document), document)?;
    }
    if program == "scaller" {
        return to.copy(&source.root().join("docs/scaller.md"), "README.md");
    }
    to.copy(&source.root().join("README.md"), "README.md")?;
    for directory in DIRECTORIES {
        for (name, path) in files(&source.root().join(directory))? {
            to.copy(&path, &format!("{directory}/{name}"))?;
        }
    }
    for (name, text) in manual()? {
        to.put(&format!("man/{name}"), &text, false)?;
    }
    for (name, text) in completions() {
        to.put(&format!("completions/{name}"), &text, false)?;
    }
    Ok(())
}

/// The files directly in a directory, sorted.
pub(crate) fn files(directory: &Path) -> Outcome<Vec<(String, std::path::PathBuf)>> {
    let failed = |error| format!("{}: {error}", directory.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_file() {
            found.push((name, path));
        }
    }
    found.sort();
    Ok(found)
}

/// The pages of the manual.
pub(crate) fn manual() -> Outcome<Vec<(String, Vec<u8>)>> {
    let dir = tempfile::tempdir().map_err(doing("make a directory"))?;
    clap_mangen::generate_to(Args::command(), dir.path()).map_err(doing("write the manual"))?;
    let read = |(name, path): (String, std::path::PathBuf)| {
        let text = fs::read(path).map_err(doing("read the manual"))?;
        Ok((name, text))
    };
    files(dir.path())?.into_iter().map(read).collect()
}

/// The completion scripts, under the names that their shells look for.
pub(crate) fn completions() -> Vec<(&'static str, Vec<u8>)> {
    let shells = [
        ("tmkms", Shell::Bash),
        ("_tmkms", Shell::Zsh),
        ("tmkms.fish", Shell::Fish),
    ];
    let script = |shell| {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut Args::command(), "tmkms", &mut text);
        text
    };
    shells.map(|(name, shell)| (name, script(shell))).to_vec()
}
