//! What goes wrong with containers and their mounts, and with disks.

use std::process::Command;

use super::{Diagnosis, closed_port, kms};
use crate::home::Home;
use crate::sandbox::left_out;

fn with_kms() -> Home {
    let home = Home::new();
    kms(&home, &format!("tcp://127.0.0.1:{}", closed_port()));
    home
}

/// Looks after a script has changed the mounts, in a mount namespace of its own.
fn with_mounts(home: &Home, script: &str) -> Option<Diagnosis> {
    let probe = home.sh("unshare --map-root-user --mount true");
    if left_out((probe.code != 0).then(|| "no mount namespace can be made here".to_owned())) {
        return None;
    }
    let words = format!("{script} && exec tmkms doctor --json -c kms/tmkms.toml");
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", &words]);
    Some(Diagnosis::run(home, &mut command))
}

#[test]
fn state_on_a_read_only_mount_is_told() {
    let home = with_kms();
    let script = "mount --bind kms/state kms/state && mount -o remount,bind,ro kms/state";
    if let Some(found) = with_mounts(&home, script) {
        found
            .has("disk.read_only", "broken", "remove `:ro`")
            .lacks("disk.fast_enough");
    }
}

#[test]
fn secrets_may_be_on_a_read_only_mount() {
    let home = with_kms();
    let script = "mount --bind kms/secrets kms/secrets && mount -o remount,bind,ro kms/secrets";
    if let Some(found) = with_mounts(&home, script) {
        assert_eq!(
            found.complaints(),
            ["port.nobody_listens", "signer.not_running"]
        );
    }
}

#[test]
fn state_in_memory_is_told() {
    let home = with_kms();
    if let Some(found) = with_mounts(&home, "mount -t tmpfs -o size=8m none kms/state") {
        found.has("disk.in_memory", "broken", "volumes:");
        found.has("disk.nearly_full", "warning", "df -h");
    }
}

#[test]
fn state_in_the_containers_own_layer_is_told() {
    let home = with_kms();
    let script = "mount -t tmpfs none node && mkdir node/upper node/work && mount -t overlay \
                  -o lowerdir=files-of-image,upperdir=node/upper,workdir=node/work none kms/state";
    home.must("mkdir files-of-image");
    if let Some(found) = with_mounts(&home, script) {
        found.has("disk.in_container", "broken", "./state:/home/tmkms/state");
    }
}

#[test]
fn full_disk_is_told() {
    let home = with_kms();
    let script = "mount -t tmpfs -o size=256k none kms/state";
    if let Some(found) = with_mounts(&home, script) {
        found.has("disk.full", "broken", "make room");
    }
}

#[test]
fn machine_without_proc_is_told() {
    let home = with_kms();
    if let Some(found) = with_mounts(&home, "mount -t tmpfs none /proc") {
        found.has("port.unseen", "warning", "mount /proc");
    }
}

/// Each sync takes 400 ms: three of them do not fit into the second that the chain waits.
#[test]
fn disk_that_is_too_slow_for_the_chain_is_told() {
    let home = with_kms();
    let probe = home.sh("strace -o /dev/null true");
    if left_out((probe.code != 0).then(|| "strace does not run here".to_owned())) {
        return;
    }
    let slow = |ms: u32| {
        let words = format!(
            "exec strace -f -qq -o /dev/null -e trace=fdatasync \
             -e inject=fdatasync:delay_enter={} tmkms doctor --json -c kms/tmkms.toml",
            ms * 1000
        );
        Diagnosis::run(&home, Command::new("sh").args(["-c", &words]))
    };
    slow(400)
        .has("disk.too_slow", "broken", "a faster disk")
        .tells("disk.too_slow", "votes come too late");
    slow(270).has("disk.slow", "warning", "a faster disk");
}
