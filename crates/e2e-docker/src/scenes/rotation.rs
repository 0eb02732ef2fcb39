//! The files that syslog-ng keeps are rotated at a size, and no line is lost.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::time::Duration;

use e2e::wait::until;

use crate::shell::Shell;
use crate::{Outcome, doing};

use super::checks::equal;

/// Some blocks are more than that.
const SIZE: u64 = 1024;
/// How long three rotations may take: a block comes every 5 s.
const PATIENCE: Duration = Duration::from_secs(120);

/// An operator's own directory, which a group can write to, and a small size.
pub(super) fn play(shell: &Shell<'_>, logs: &Path) -> Outcome {
    println!("    the logs are rotated at {SIZE} bytes");
    let own = || {
        chown(logs, Some(1000), Some(1000))?;
        fs::set_permissions(logs, fs::Permissions::from_mode(0o775))
    };
    own().map_err(doing("give the logs to an operator"))?;
    shell.run(&format!(
        "LOG_SIZE={SIZE} LOG_CHECK_S=1 docker compose -f dev-compose.yml up -d syslog-ng"
    ))?;
    for file in ["tmkms.log.3", "sekai.log.5"] {
        until(&format!("there is {file}"), PATIENCE, || {
            logs.join(file).exists().then_some(())
        })?;
    }
    // The third is of before, when syslog-ng was away while it was made anew; the newest comes to be
    // with its first line.
    let mut text = String::new();
    for name in ["tmkms.log.2", "tmkms.log.1", "tmkms.log"] {
        match fs::read_to_string(logs.join(name)) {
            Ok(part) => text.push_str(&part),
            Err(error) if name == "tmkms.log" && error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(format!("cannot read {name}: {error}")),
        }
    }
    let heights = precommits(&text);
    let (Some(first), Some(last)) = (heights.first(), heights.last()) else {
        return Err(format!("the rotated logs have no signature:\n{text}"));
    };
    let all: BTreeSet<u64> = (*first..=*last).collect();
    equal("heights in the rotated logs", &heights, &all)?;
    // logrotate removes the oldest after it has given it a number.
    let sixth = logs.join("sekai.log.6");
    until("the sixth old file goes", PATIENCE, || {
        (!sixth.exists()).then_some(())
    })
}

/// The heights whose precommit was logged.
fn precommits(log: &str) -> BTreeSet<u64> {
    let height = |line: &str| {
        let (_, rest) = line.split_once("] signed Precommit:")?;
        let (_, rest) = rest.split_once(" at h/r/s ")?;
        rest.split('/').next()?.parse().ok()
    };
    log.lines().filter_map(height).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_are_those_of_precommits() {
        let line = |what: &str, height: u64| {
            format!("t INFO [c@n] signed {what}:AA at h/r/s {height}/0/2 (1 ms)\n")
        };
        let log = [
            line("Precommit", 4),
            line("Prevote", 9),
            line("Precommit", 7),
        ]
        .concat();
        assert_eq!(precommits(&log), BTreeSet::from([4, 7]));
    }
}
