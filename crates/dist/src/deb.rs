//! The Debian package of the signer.
//!
//! Neither its removal nor its purge takes keys, states or configuration away, and no update
//! restarts a signer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::archive::gzip;
use crate::contents::{completions, files, manual};
use crate::source::Source;
use crate::staging::Staging;
use crate::{Outcome, doing, run, run_text};

/// A release for a distribution has its own.
const MAINTAINER: &str = "the authors of tmkms <tmkms@localhost>";

const SCRIPTS: [(&str, &str); 3] = [
    ("postinst", include_str!("deb/postinst")),
    ("prerm", include_str!("deb/prerm")),
    ("postrm", include_str!("deb/postrm")),
];

/// The architecture as Debian calls it.
///
/// # Errors
/// For a target that was never tried.
pub fn architecture(target: &str) -> Outcome<&'static str> {
    match target.split('-').next() {
        Some("x86_64") => Ok("amd64"),
        Some("aarch64") => Ok("arm64"),
        _ => Err(format!("Debian's name for {target} is not known here")),
    }
}

/// Makes the package of a program in `to`; `bill` is its bill of materials. Returns its file name.
///
/// # Errors
/// What the system or `dpkg-deb` says.
pub fn pack(
    source: &Source,
    target: &str,
    program: &Path,
    bill: &[u8],
    to: &Path,
) -> Outcome<String> {
    let dir = tempfile::tempdir().map_err(doing("make a directory"))?;
    let staging = Staging::new(dir.path().join("tmkms"), source.epoch())?;
    stage(source, program, bill, &staging)?;
    let architecture = architecture(target)?;
    let sums = sums(&staging)?;
    let size = installed_kib(&staging)?;
    staging.put("DEBIAN/md5sums", sums.as_bytes(), false)?;
    staging.put(
        "DEBIAN/control",
        control(source, architecture, size).as_bytes(),
        false,
    )?;
    for (name, text) in SCRIPTS {
        staging.put(&format!("DEBIAN/{name}"), text.as_bytes(), true)?;
    }
    let name = format!("tmkms_{}_{architecture}.deb", source.version());
    let mut command = Command::new("dpkg-deb");
    command.args(["--root-owner-group", "-Zxz", "--threads-max=1", "--build"]);
    command.arg(staging.root()).arg(to.join(&name));
    run(command.env("SOURCE_DATE_EPOCH", source.epoch().to_string()))?;
    Ok(name)
}

fn stage(source: &Source, program: &Path, bill: &[u8], to: &Staging) -> Outcome {
    let root = source.root();
    to.put(
        "usr/bin/tmkms",
        &fs::read(program).map_err(doing("read the program"))?,
        true,
    )?;
    let systemd = root.join("deploy/systemd");
    for (from, name) in [
        ("tmkms.service", "systemd/system/tmkms.service"),
        (
            "tmkms-gateway.service",
            "systemd/system/tmkms-gateway.service",
        ),
        ("tmkms.sysusers", "sysusers.d/tmkms.conf"),
        ("tmkms.tmpfiles", "tmpfiles.d/tmkms.conf"),
    ] {
        to.copy(&systemd.join(from), &format!("usr/lib/{name}"))?;
    }
    for (name, path) in files(&root.join("deploy/firewall"))? {
        to.copy(&path, &format!("usr/share/tmkms/firewall/{name}"))?;
    }
    for (name, text) in manual()? {
        to.put(
            &format!("usr/share/man/man1/{name}.gz"),
            &gzip(&text)?,
            false,
        )?;
    }
    for (name, text) in completions() {
        let place = match name {
            "_tmkms" => "zsh/vendor-completions",
            "tmkms.fish" => "fish/vendor_completions.d",
            _ => "bash-completion/completions",
        };
        to.put(&format!("usr/share/{place}/{name}"), &text, false)?;
    }
    let documents = "usr/share/doc/tmkms";
    let changelog = fs::read(root.join("CHANGELOG.md")).map_err(doing("read the changelog"))?;
    to.put(
        &format!("{documents}/CHANGELOG.md.gz"),
        &gzip(&changelog)?,
        false,
    )?;
    let entry = entry(source)?;
    to.put(
        &format!("{documents}/changelog.gz"),
        &gzip(entry.as_bytes())?,
        false,
    )?;
    to.put(
        &format!("{documents}/copyright"),
        COPYRIGHT.as_bytes(),
        false,
    )?;
    to.put(
        &format!("{documents}/sbom.cdx.json.gz"),
        &gzip(bill)?,
        false,
    )
}

const COPYRIGHT: &str = "\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: tmkms
Comment: What is linked into the program, and under which licence, is in sbom.cdx.json.gz.

Files: *
Copyright: 2026 the authors of tmkms
License: Apache-2.0
 On Debian systems, the text is in /usr/share/common-licenses/Apache-2.0.
";

/// What Debian's tools read as the changelog.
fn entry(source: &Source) -> Outcome<String> {
    let mut date = Command::new("date");
    date.args(["--utc", "--rfc-email"])
        .arg(format!("--date=@{}", source.epoch()));
    Ok(format!(
        "tmkms ({}) unstable; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n -- {MAINTAINER}  {}\n",
        source.version(),
        run_text(&mut date)?.trim(),
    ))
}

fn control(source: &Source, architecture: &str, kib: u64) -> String {
    let version = source.version();
    format!(
        "\
Package: tmkms
Version: {version}
Architecture: {architecture}
Maintainer: {MAINTAINER}
Installed-Size: {kib}
Depends: systemd
Recommends: nftables
Section: net
Priority: optional
Description: remote signer of a validator
 Holds a validator's consensus key and signs for its CometBFT node, so that the
 key need not live on the node, and never signs two conflicting votes. It speaks
 WireGuard itself; its gateway ends the tunnel before the node.
 .
 Removing or purging the package keeps the keys in /var/lib/tmkms, and what they
 have signed.
"
    )
}

fn sums(staging: &Staging) -> Outcome<String> {
    let mut command = Command::new("md5sum");
    run_text(command.current_dir(staging.root()).args(staging.files()?))
}

/// As policy has it: files rounded up to 1 KiB.
fn installed_kib(staging: &Staging) -> Outcome<u64> {
    let size = |name: String| -> Outcome<u64> {
        let path: PathBuf = staging.root().join(name);
        let metadata = fs::metadata(path).map_err(doing("look at a file"))?;
        Ok(metadata.len().div_ceil(1024))
    };
    staging.files()?.into_iter().map(size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_have_the_names_that_debian_gives_them() {
        assert_eq!(architecture("x86_64-unknown-linux-gnu").unwrap(), "amd64");
        assert_eq!(architecture("aarch64-unknown-linux-gnu").unwrap(), "arm64");
        assert!(architecture("riscv64gc-unknown-linux-gnu").is_err());
    }
}
