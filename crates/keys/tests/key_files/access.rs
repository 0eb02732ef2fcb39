//! The file itself: its kind, its owner, its mode, its size.

use crate::common::SEED_BASE64;
use crate::{BASE64, with_mode};
use keys::{FilePermissions, KeyFileError, KeyOptions, Origin, Problem, Purpose, read_key};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn a_missing_file_says_how_to_make_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("v.key");
    let p = path.display();
    assert_eq!(
        read_key(&path, &BASE64).unwrap_err().to_string(),
        format!(
            "key file {p} does not exist. Import the node's key with `tmkms softsign import \
             priv_validator_key.json {p}`, or make one for a new validator with `tmkms softsign \
             keygen {p}`"
        )
    );
}

#[test]
fn a_missing_directory_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path().join("secrets");
    let text = read_key(&d.join("v.key"), &BASE64).unwrap_err().to_string();
    let d = d.display();
    assert!(
        text.starts_with(&format!(
            "key file {d}/v.key does not exist (nor does the directory {d}). Run `mkdir -p {d}`. \
             Import"
        )),
        "{text}"
    );
}

#[test]
fn a_directory_that_docker_made_says_how_to_mend_it() {
    let dir = tempfile::tempdir().unwrap();
    let p = dir.path().display();
    assert_eq!(
        read_key(dir.path(), &BASE64).unwrap_err().to_string(),
        format!(
            "key file {p} is a directory, but a file is expected. Docker makes a directory where \
             the source of a mount is missing: stop the container, run `rmdir {p}`, put the file \
             there and start the container again"
        )
    );
}

#[test]
fn devices_pipes_and_sockets_are_refused_without_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let socket = dir.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for (path, kind) in [
        (pipe.as_path(), "a pipe"),
        (socket.as_path(), "a socket"),
        (Path::new("/dev/zero"), "a device"),
    ] {
        assert_eq!(
            read_key(path, &BASE64).unwrap_err().to_string(),
            format!(
                "key file {} is {kind}, but a regular file is expected. Check that the path names \
                 the right file",
                path.display()
            )
        );
    }
}

#[test]
fn every_mode_that_lets_others_in_is_refused_with_the_chmod_to_run() {
    let dir = tempfile::tempdir().unwrap();
    for (mode, access) in [
        (0o604, "read"),
        (0o640, "read"),
        (0o602, "written"),
        (0o620, "written"),
        (0o644, "read"),
        (0o666, "read and written"),
        (0o777, "read and written"),
    ] {
        let path = with_mode(dir.path(), SEED_BASE64, mode);
        let p = path.display();
        assert_eq!(
            read_key(&path, &BASE64).unwrap_err().to_string(),
            format!(
                "key file {p} can be {access} by other users (mode {mode:04o}). Run `chmod 600 \
                 {p}`. Where a mount cannot carry modes (Docker Desktop), use \
                 --allow-insecure-permissions"
            )
        );
    }
}

#[test]
fn modes_that_keep_others_out_are_accepted_and_all_when_allowed() {
    let dir = tempfile::tempdir().unwrap();
    for mode in [0o600, 0o400, 0o700] {
        let path = with_mode(dir.path(), SEED_BASE64, mode);
        assert!(read_key(&path, &BASE64).is_ok(), "{mode:o}");
    }
    let path = with_mode(dir.path(), SEED_BASE64, 0o666);
    let allowed = KeyOptions {
        permissions: FilePermissions::AllowInsecure,
        ..BASE64
    };
    assert!(read_key(&path, &allowed).is_ok());
}

#[test]
fn reading_stops_at_16_kib() {
    let dir = tempfile::tempdir().unwrap();
    let padded = |length: usize| format!("{SEED_BASE64}{}", " ".repeat(length - 44));
    let path = with_mode(dir.path(), padded(16 * 1024), 0o600);
    assert!(read_key(&path, &BASE64).is_ok());
    let path = with_mode(dir.path(), padded(16 * 1024 + 1), 0o600);
    assert_eq!(
        read_key(&path, &BASE64).unwrap_err().to_string(),
        format!(
            "key file {} is larger than 16384 bytes, too many to be one. Check that the path \
             names the right file",
            path.display()
        )
    );
}

/// Root may read everything, so as root the test runs itself again as nobody.
#[test]
fn a_file_or_directory_closed_to_this_user_says_what_to_open() {
    if rustix::process::geteuid().is_root() {
        return run_as_nobody("access::a_file_or_directory_closed_to_this_user_says_what_to_open");
    }
    let uid = rustix::process::geteuid().as_raw();
    let dir = tempfile::tempdir().unwrap();
    let path = with_mode(dir.path(), SEED_BASE64, 0o000);
    let p = path.display();
    assert_eq!(
        read_key(&path, &BASE64).unwrap_err().to_string(),
        format!(
            "key file {p} cannot be read: permission denied for uid {uid} (the file belongs to \
             uid {uid}, mode 0000). Run `chmod 600 {p}`"
        )
    );

    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o000)).unwrap();
    let text = read_key(&path, &BASE64).unwrap_err().to_string();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(
        text,
        format!(
            "key file {p} cannot be read: permission denied for uid {uid} (a directory above it \
             is closed to this user). Run `namei -l {p}` to see which directory, and open it"
        )
    );
}

fn run_as_nobody(test: &str) {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = dir.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new(&copy)
        .args(["--exact", test])
        .current_dir("/")
        .env("TMPDIR", "/tmp")
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
fn a_file_of_another_user_says_whose_it_is() {
    let error = KeyFileError {
        origin: Origin::File(PathBuf::from("/k/v.key")),
        purpose: Purpose::Consensus,
        format: None,
        problem: Problem::PermissionDenied {
            uid: 1000,
            owner: Some((0, 0o600)),
        },
    };
    assert_eq!(
        error.to_string(),
        "key file /k/v.key cannot be read: permission denied for uid 1000 (the file belongs to uid \
         0, mode 0600). Run `chown 1000 /k/v.key`"
    );
}
