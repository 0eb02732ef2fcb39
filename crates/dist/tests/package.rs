//! What is packed, and that it is packed the same everywhere. The programs are stand-ins: building
//! the real ones twice is `cargo xtask dist --check`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may panic

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use dist::release;
use dist::source::Source;
use serde_json::Value;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Packs a copy of the sources in a directory of its own.
fn packed(dir: &Path, name: &str) -> (PathBuf, Vec<String>) {
    let place = dir.join(name);
    let built = place.join("built");
    fs::create_dir_all(&built).unwrap();
    for program in ["tmkms", "scaller"] {
        fs::copy("/bin/true", built.join(program)).unwrap();
    }
    let source = Source::here()
        .unwrap()
        .copy_to(&place.join("checkout"))
        .unwrap();
    // As a person with another umask would have it.
    let readme = source.root().join("README.md");
    fs::set_permissions(&readme, fs::Permissions::from_mode(0o600)).unwrap();
    let out = place.join("out");
    let names = release::pack(&source, TARGET, &built, &out).unwrap();
    (out, names)
}

fn said(program: &str, arguments: &[&str], dir: &Path) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {output:?}"
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn release_is_the_same_wherever_it_is_packed_and_has_what_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let (first, names) = packed(dir.path(), "a");
    let (second, _) = packed(dir.path(), "a-longer-name");
    for name in &names {
        let [one, other] = [&first, &second].map(|out| fs::read(out.join(name)).unwrap());
        assert!(one == other, "{name} differs");
    }
    let version = env!("CARGO_PKG_VERSION");
    let archive = format!("tmkms-{version}-x86_64-linux.tar.gz");
    let package = format!("tmkms_{version}_amd64.deb");
    let scaller = format!("scaller-{version}-x86_64-linux.tar.gz");
    assert_eq!(names, [scaller.as_str(), &archive, &package, "SHA256SUMS"]);
    said("sha256sum", &["--check", "--strict", "SHA256SUMS"], &first);

    the_archive_is_owned_by_root_and_complete(&first, &archive);
    the_package_is_owned_by_root_and_complete(&first, &package);
    the_archive_installs(&first, &archive);
    the_bill_names_every_crate(&first, &archive);
}

fn the_archive_is_owned_by_root_and_complete(out: &Path, archive: &str) {
    let list = said(
        "tar",
        &["--list", "--verbose", "--numeric-owner", "--file", archive],
        out,
    );
    for file in [
        "-rwxr-xr-x 0/0 ",
        "/tmkms\n",
        "-rw-r--r-- 0/0 ",
        "/README.md\n",
        "/sbom.cdx.json\n",
        "/man/tmkms-start.1\n",
        "/completions/_tmkms\n",
        "/deploy/systemd/tmkms.service\n",
        "/deploy/systemd/install\n",
        "/deploy/firewall/apply\n",
    ] {
        assert!(list.contains(file), "{file:?} is not in\n{list}");
    }
    assert!(list.lines().all(|line| line.contains(" 0/0 ")), "{list}");
}

fn the_package_is_owned_by_root_and_complete(out: &Path, package: &str) {
    let list = said("dpkg-deb", &["--contents", package], out);
    for file in [
        "-rwxr-xr-x root/root ",
        "./usr/bin/tmkms\n",
        "./usr/lib/systemd/system/tmkms.service\n",
        "./usr/lib/sysusers.d/tmkms.conf\n",
        "./usr/share/man/man1/tmkms-start.1.gz\n",
        "./usr/share/bash-completion/completions/tmkms\n",
        "./usr/share/tmkms/firewall/apply\n",
        "./usr/share/doc/tmkms/sbom.cdx.json.gz\n",
    ] {
        assert!(list.contains(file), "{file:?} is not in\n{list}");
    }
    let fields = said("dpkg-deb", &["--field", package], out);
    assert!(fields.contains("Package: tmkms\n") && fields.contains("Architecture: amd64\n"));
}

/// As a person does it who unpacks it, in a directory other than the root, twice.
fn the_archive_installs(out: &Path, archive: &str) {
    said("tar", &["--extract", "--file", archive], out);
    let folder = out.join(archive.strip_suffix(".tar.gz").unwrap());
    let root = out.join("root");
    let script = |name: &str| {
        let mut command = Command::new(folder.join("deploy/systemd").join(name));
        let output = command.env("DESTDIR", &root).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    script("install");
    let unit = fs::read_to_string(root.join("etc/systemd/system/tmkms.service")).unwrap();
    assert!(
        unit.contains("\nExecStart=/usr/local/bin/tmkms start "),
        "{unit}"
    );
    assert!(root.join("usr/local/bin/tmkms").is_file());
    let key = root.join("var/lib/tmkms/secrets/key");
    fs::create_dir_all(key.parent().unwrap()).unwrap();
    fs::write(&key, "key").unwrap();
    script("install");
    script("uninstall");
    script("uninstall");
    assert_eq!(fs::read_to_string(&key).unwrap(), "key");
    for gone in [
        "usr/local/bin/tmkms",
        "etc/systemd/system/tmkms.service",
        "etc/sysusers.d/tmkms.conf",
    ] {
        assert!(!root.join(gone).exists(), "{gone} is still there");
    }
}

fn the_bill_names_every_crate(out: &Path, archive: &str) {
    let folder = out.join(archive.strip_suffix(".tar.gz").unwrap());
    let text = fs::read_to_string(folder.join("sbom.cdx.json")).unwrap();
    let bill: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (bill["bomFormat"].as_str(), bill["specVersion"].as_str()),
        (Some("CycloneDX"), Some("1.5"))
    );
    let components = bill["components"].as_array().unwrap();
    let by_name: BTreeMap<&str, &Value> = components
        .iter()
        .map(|c| (c["name"].as_str().unwrap(), c))
        .collect();
    for (name, has_sum) in [
        ("ed25519-dalek", true),
        ("ring", true),
        ("guard", false),
        ("glibc", false),
    ] {
        let component = by_name
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not in the bill"));
        assert_eq!(component["hashes"].is_array(), has_sum, "{component}");
        assert!(
            component["licenses"][0]["expression"].is_string(),
            "{component}"
        );
    }
    // What only tests need is in no program.
    for name in ["proptest", "testkit", "cometbft-p2p", "fuser"] {
        assert!(!by_name.contains_key(name), "{name} is in the bill");
    }
    let refs: Vec<&str> = components
        .iter()
        .map(|c| c["bom-ref"].as_str().unwrap())
        .collect();
    let own = bill["metadata"]["component"]["bom-ref"].as_str().unwrap();
    for dependency in bill["dependencies"].as_array().unwrap() {
        let all = dependency["dependsOn"].as_array().unwrap().iter();
        for name in all
            .chain([&dependency["ref"]])
            .map(|name| name.as_str().unwrap())
        {
            assert!(
                name == own || refs.contains(&name),
                "{name} is no component"
            );
        }
    }
}
