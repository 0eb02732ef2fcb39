//! What the kernel keeps from others of a running signer's memory.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use crate::home::Home;
use crate::sandbox::{of_threads, serve};
use crate::signer::{Signer, node};

/// Where the memory cannot be locked, the signer says so.
///
/// Those files in `/proc` belong to root as soon as a process is closed to debuggers and core dumps
/// (proc_pid(5)); no other process of its user can open its memory then.
#[test]
fn memory_of_a_signer_is_locked_in_no_core_dump_and_closed_to_its_own_user() {
    let home = Home::new();
    let node = node(&home);
    let Some(unprivileged) = home.unprivileged() else {
        return;
    };
    if !unprivileged.is_empty() {
        home.must("chown -R 65534:65534 kms");
    }
    let script = format!("ulimit -c unlimited; exec {unprivileged}tmkms start -c kms/tmkms.toml");
    let mut command = Command::new("sh");
    home.prepare(command.args(["-c", &script]))
        .stdout(File::create(home.path("signer.out")).unwrap())
        .stderr(File::create(home.path("signer.err")).unwrap());
    let mut signer = Signer::spawn(&home, &mut command);
    serve(&node, 1);
    signer.wait_for("h/r/s 1/0/2");

    let process = format!("/proc/{}", signer.pid());
    let user = &of_threads(signer.pid(), "Uid:")[0];
    assert_ne!(user.split_whitespace().next(), Some("0"));
    let memory = fs::metadata(format!("{process}/mem")).unwrap();
    assert_eq!(memory.uid(), 0, "/proc/PID/mem is the user's own");
    let limits = fs::read_to_string(format!("{process}/limits")).unwrap();
    let core = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"));
    let core: Vec<&str> = core.unwrap().split_whitespace().collect();
    assert_eq!(core, ["0", "0", "bytes"]);
    let kib = |name: &str| -> u64 {
        let value = &of_threads(signer.pid(), name)[0];
        value.strip_suffix(" kB").unwrap().parse().unwrap()
    };
    let may_lock = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max locked memory"))
        .and_then(|line| line.split_whitespace().nth(1));
    let log = home.read("signer.out");
    if log.contains("memory cannot be locked, so keys could be written to swap") {
        // A binary with debug information is larger than what many machines let a user lock.
        let bytes: u64 = may_lock.unwrap().parse().unwrap();
        assert!(bytes / 1024 < kib("VmSize:"), "{may_lock:?}");
        assert_eq!(kib("VmLck:"), 0);
    } else {
        assert!(kib("VmLck:") > 1_000, "{}", kib("VmLck:"));
    }
}
