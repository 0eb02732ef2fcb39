//! What holds for all files of the kit and can be read in them.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may panic

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files in `deploy/` and `deploy/tmkms/` with that ending, and their texts.
fn files(ending: &str) -> Vec<(String, String)> {
    let folders = ["deploy", "deploy/tmkms"].map(|folder| root().join(folder));
    let entries = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path());
    let wanted = paths.filter(|path| path.to_string_lossy().ends_with(ending));
    let found: Vec<(String, String)> = wanted
        .map(|path| {
            (
                path.display().to_string(),
                fs::read_to_string(&path).unwrap(),
            )
        })
        .collect();
    assert!(!found.is_empty(), "there is no *{ending}");
    found
}

/// `FROM:TO` or `FROM:TO:OPTIONS`, as `docker run` and compose have it; the variables of compose have
/// a colon of their own.
fn is_labelled(mount: &str) -> bool {
    let mount = mount.trim_matches('"');
    let rest = mount.rsplit_once('}').map_or(mount, |(_, rest)| rest);
    let mut parts = rest.split(':').skip(2);
    parts
        .next()
        .is_some_and(|options| options.split(',').any(|option| option == "z"))
}

#[test]
fn every_directory_that_a_container_gets_is_labelled_for_selinux() {
    let mut seen = 0;
    let mut check = |at: &str, mount: &str| {
        // Everybody's, so its label is not a container's to change.
        if mount == "/dev/shm:/dev/shm" {
            return;
        }
        assert!(is_labelled(mount), "{at}: {mount} has no z");
        seen += 1;
    };
    for (name, text) in files(".yml") {
        let mut is_volumes = false;
        for line in text.lines() {
            let item = line.trim_start().strip_prefix("- ");
            match item {
                Some(item) if is_volumes => check(&name, item),
                None => {
                    is_volumes = line.trim() == "volumes:"
                        || is_volumes && line.trim_start().starts_with('#');
                }
                Some(_) => {}
            }
        }
    }
    for name in ["docs/guide.md", "deploy/setup"] {
        let text = fs::read_to_string(root().join(name)).unwrap();
        let words: Vec<&str> = text.split_whitespace().collect();
        for pair in words.windows(2) {
            if let ["-v" | "--volume", mount] = pair {
                check(name, mount);
            }
        }
    }
    assert!(seen > 20, "only {seen} mounts were found");
}

#[test]
fn a_label_is_told_from_a_mount_without_one() {
    for labelled in [
        "./logs:/logs:z",
        ".:/tmkms:ro,z",
        "\"$PWD/tmkms:/tmkms:z\"",
        "${A:-/run/a}:/b:z",
    ] {
        assert!(is_labelled(labelled), "{labelled}");
    }
    for other in ["./logs:/logs", ".:/tmkms:ro", "${A:-/run/z}:/z", "./z:/z"] {
        assert!(!is_labelled(other), "{other}");
    }
}

/// An image is for the processor of what it is built from: a build argument alone makes it another.
#[test]
fn no_image_names_a_processor() {
    for (name, text) in files(".Dockerfile") {
        for processor in ["x86_64", "amd64", "aarch64", "arm64"] {
            assert!(!text.contains(processor), "{name} names {processor}");
        }
        let from: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("FROM "))
            .collect();
        for line in from {
            let is_open = line.contains("${") || line.contains("scratch");
            assert!(is_open, "{name}: {line} cannot be set from outside");
        }
    }
}
