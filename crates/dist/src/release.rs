//! A release: built, packed, summed.

use std::fs;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::build::{PROGRAMS, build};
use crate::source::Source;
use crate::staging::Staging;
use crate::{Outcome, archive, bill, contents, deb, doing};

/// The file with the sums of all others, as `sha256sum --check` reads it.
pub const SUMS: &str = "SHA256SUMS";

/// Builds the programs below `target_dir`, and packs them into `out`, which is emptied first.
/// Returns the names of the files.
///
/// # Errors
/// What fails first.
pub fn make(source: &Source, target: &str, target_dir: &Path, out: &Path) -> Outcome<Vec<String>> {
    let built = build(source, target, target_dir)?;
    pack(source, target, &built, out)
}

/// Packs only the Debian package, of a program that is built already; returns its name.
///
/// # Errors
/// What fails first.
pub fn package(source: &Source, target: &str, program: &Path, out: &Path) -> Outcome<String> {
    fs::create_dir_all(out).map_err(doing(&format!("make {}", out.display())))?;
    let bill = bill::of(source, target, "tmkms")?;
    deb::pack(source, target, program, &bill, out)
}

/// Packs programs that are built already.
///
/// # Errors
/// What fails first.
pub fn pack(source: &Source, target: &str, built: &Path, out: &Path) -> Outcome<Vec<String>> {
    if out.exists() {
        fs::remove_dir_all(out).map_err(doing(&format!("empty {}", out.display())))?;
    }
    fs::create_dir_all(out).map_err(doing(&format!("make {}", out.display())))?;
    let dir = tempfile::tempdir().map_err(doing("make a directory"))?;
    let mut names = Vec::new();
    for program in PROGRAMS {
        let name = format!("{program}-{}-{}", source.version(), short(target));
        let staging = Staging::new(dir.path().join(&name), source.epoch())?;
        contents::stage(source, target, program, built, &staging)?;
        let file = format!("{name}.tar.gz");
        archive::pack(&staging, source.epoch(), &out.join(&file))?;
        names.push(file);
    }
    let bill = bill::of(source, target, "tmkms")?;
    names.push(deb::pack(source, target, &built.join("tmkms"), &bill, out)?);
    names.sort();
    let sums = names.iter().map(|name| sum(&out.join(name), name));
    let sums = sums.collect::<Outcome<String>>()?;
    fs::write(out.join(SUMS), sums).map_err(doing("write the sums"))?;
    names.push(SUMS.to_owned());
    Ok(names)
}

/// `x86_64-unknown-linux-gnu` as people say it: the program is static, so the rest is of no matter.
fn short(target: &str) -> String {
    let processor = target.split('-').next().unwrap_or(target);
    format!("{processor}-linux")
}

fn sum(path: &Path, name: &str) -> Outcome<String> {
    let bytes = fs::read(path).map_err(doing(&format!("read {name}")))?;
    Ok(format!("{}  {name}\n", hex::encode(Sha256::digest(bytes))))
}
