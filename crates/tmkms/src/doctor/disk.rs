//! The file system under a state: whether it keeps what is written, has room, and how long that
//! takes.
//!
//! Invariant: what is measured is written to a file without a name, which is gone however this
//! process ends.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{Access, StatVfsMountFlags, access, statfs, statvfs};
use rustix::io::Errno;

use super::finding::Finding;

/// How often it is measured, and for how long at most.
const SYNCS: usize = 20;
const BUDGET: Duration = Duration::from_secs(2);

/// A slot of the state.
const SLOT: [u8; 4096] = [0x5a; 4096];

/// Proposal, prevote and precommit.
const SYNCS_PER_HEIGHT: u32 = 3;

/// The least room: the state's own files never grow, but a first start makes them.
const LITTLE: u64 = 1 << 20;
const SOME: u64 = 64 << 20;

/// File systems that forget, by their numbers (statfs(2)).
const TMPFS: u64 = 0x0102_1994;
const RAMFS: u64 = 0x8584_58f6;
const OVERLAY: u64 = 0x794c_7630;
const NFS: u64 = 0x6969;

/// Looks at the directory of a state file. `timeout` is the shortest that the chain has.
pub(super) fn look(directory: &Path, timeout: Duration) -> Vec<Finding> {
    let mut findings = Vec::new();
    let shown = directory.display();
    match statfs(directory) {
        Ok(found) => findings.push(kind(
            u64::from_ne_bytes(found.f_type.to_ne_bytes()),
            directory,
        )),
        Err(error) => {
            findings.push(
                Finding::unseen("disk.unseen", &format!("the file system of {shown}"), error)
                    .mend("run as the user that runs the signer, or as root"),
            );
            return findings;
        }
    }
    findings.extend(statvfs(directory).ok().map(|found| {
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        let is_read_only = found.f_flag.contains(StatVfsMountFlags::RDONLY);
        room(
            free,
            found.f_files > 0 && found.f_favail == 0,
            is_read_only,
            directory,
        )
    }));
    match access(directory, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => findings.push(latency(measure(directory), timeout, directory)),
        // A mount that is read-only was told above.
        Err(Errno::ROFS) => {}
        Err(error) => findings.push(
            Finding::unseen(
                "disk.not_writable",
                &format!("how fast the disk of {shown} is"),
                format!("this user may not write there ({error})"),
            )
            .mend("run as the user that runs the signer, or as root")
            .mend(format!("if this is that user: chown -R USER {shown}")),
        ),
    }
    findings
}

fn kind(number: u64, directory: &Path) -> Finding {
    let shown = directory.display();
    match number {
        TMPFS | RAMFS => Finding::broken(
            "disk.in_memory",
            format!(
                "{shown} is in memory (tmpfs): a restart of the machine or of the container \
                 forgets what was signed, and a sync keeps nothing"
            ),
        )
        .mend("move the state to a disk: a directory of the host, or a volume, in `volumes:`"),
        OVERLAY => Finding::broken(
            "disk.in_container",
            format!(
                "{shown} is in the container's own layer (overlay): what was signed is gone with \
                 the container"
            ),
        )
        .mend("mount a directory or a volume there, writable: `- ./state:/home/tmkms/state`"),
        NFS => Finding::warning(
            "disk.on_network",
            format!(
                "{shown} is on NFS: each signature waits for the network, and locks may not hold"
            ),
        )
        .mend("keep the state on a local disk"),
        _ => Finding::fine("disk.durable", format!("{shown} is on a disk")),
    }
}

fn room(free: u64, no_files: bool, is_read_only: bool, directory: &Path) -> Finding {
    let shown = directory.display();
    if is_read_only {
        return Finding::broken(
            "disk.read_only",
            format!(
                "{shown} is read-only: nothing can be signed, since the state is written first"
            ),
        )
        .mend("remove `:ro` from the mount of the state in the compose file; `secrets` may keep it")
        .mend("a disk that went read-only by itself is failing: look at `dmesg`");
    }
    let mib = free >> 20;
    if free < LITTLE || no_files {
        return Finding::broken(
            "disk.full",
            format!("{shown} has no room left ({mib} MiB free)"),
        )
        .mend(format!("df -h {shown}; df -i {shown}   (then make room)"));
    }
    if free < SOME {
        return Finding::warning("disk.nearly_full", format!("{shown} has {mib} MiB left"))
            .mend(format!("df -h {shown}   (then make room)"));
    }
    Finding::fine("disk.room", format!("{shown} has {mib} MiB left"))
}

/// The times of some syncs, shortest first.
fn measure(directory: &Path) -> std::io::Result<Vec<Duration>> {
    let mut file: File = tempfile::tempfile_in(directory)?;
    let start = Instant::now();
    let mut times = Vec::new();
    while times.len() < SYNCS && start.elapsed() < BUDGET {
        let before = Instant::now();
        file.write_all(&SLOT)?;
        file.sync_data()?;
        times.push(before.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

fn latency(
    measured: std::io::Result<Vec<Duration>>,
    timeout: Duration,
    directory: &Path,
) -> Finding {
    let shown = directory.display();
    let times = match measured {
        Ok(times) => times,
        Err(error) => {
            return Finding::broken(
                "disk.write_fails",
                format!("nothing can be written to {shown}: {error}"),
            )
            .mend("look at `dmesg`, at the disk and at its mount");
        }
    };
    let at = |index: usize| times.get(index).copied().unwrap_or_default();
    let (median, longest) = (at(times.len() / 2), at(times.len().saturating_sub(1)));
    let found = format!(
        "a sync in {shown} takes {}, at most {} of {}; the chain's shortest timeout is {}",
        shown_time(median),
        shown_time(longest),
        times.len(),
        shown_time(timeout)
    );
    let per_height = median.saturating_mul(SYNCS_PER_HEIGHT);
    if median > timeout || per_height > timeout {
        return Finding::broken("disk.too_slow", format!("{found}: votes come too late"))
            .mend("move the state to a faster disk: an SSD of this machine, nothing on a network");
    }
    if longest > timeout / 4 {
        return Finding::warning("disk.slow", found)
            .mend("move the state to a faster disk, or away from what else writes to this one");
    }
    Finding::fine("disk.fast_enough", found)
}

fn shown_time(time: Duration) -> String {
    if time < Duration::from_millis(10) {
        format!("{} µs", time.as_micros())
    } else {
        format!("{} ms", time.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "state";

    fn latency_of(median_ms: u64, longest_ms: u64) -> &'static str {
        let mut times = vec![Duration::from_millis(median_ms); 19];
        times.push(Duration::from_millis(longest_ms));
        latency(Ok(times), Duration::from_secs(1), Path::new(HERE)).id
    }

    #[test]
    fn three_syncs_have_to_fit_into_the_shortest_timeout() {
        assert_eq!(latency_of(1, 250), "disk.fast_enough");
        assert_eq!(latency_of(1, 251), "disk.slow");
        assert_eq!(latency_of(333, 333), "disk.slow");
        assert_eq!(latency_of(334, 334), "disk.too_slow");
        let failed = latency(
            Err(std::io::ErrorKind::StorageFull.into()),
            Duration::from_secs(1),
            Path::new(HERE),
        );
        assert_eq!(failed.id, "disk.write_fails");
    }

    #[test]
    fn room_is_told_apart_at_its_limits() {
        let id = |free, no_files| room(free, no_files, false, Path::new(HERE)).id;
        assert_eq!(id(LITTLE - 1, false), "disk.full");
        assert_eq!(id(LITTLE, false), "disk.nearly_full");
        assert_eq!(id(SOME, false), "disk.room");
        assert_eq!(id(SOME, true), "disk.full");
        assert_eq!(
            room(SOME, false, true, Path::new(HERE)).id,
            "disk.read_only"
        );
    }

    #[test]
    fn file_systems_that_forget_are_known() {
        let id = |number| kind(number, Path::new(HERE)).id;
        assert_eq!(id(TMPFS), "disk.in_memory");
        assert_eq!(id(RAMFS), "disk.in_memory");
        assert_eq!(id(OVERLAY), "disk.in_container");
        assert_eq!(id(NFS), "disk.on_network");
        assert_eq!(id(0xef53), "disk.durable");
    }

    #[test]
    fn directory_that_cannot_be_looked_at_is_told() {
        let found = look(Path::new("/no/such/directory"), Duration::from_secs(1));
        assert_eq!(found[0].id, "disk.unseen");
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn measuring_leaves_nothing_behind() {
        let home = tempfile::tempdir().unwrap();
        let times = measure(home.path()).unwrap();
        assert!(!times.is_empty() && times.len() <= SYNCS);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    }
}
