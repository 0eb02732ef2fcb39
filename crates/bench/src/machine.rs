//! What the figures were measured on.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;

/// The machine, one fact per entry.
pub(crate) fn describe(directory: &Path) -> Vec<String> {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    vec![
        format!("{cores} cores, {}", processor()),
        format!("{:.0} GiB of memory", memory_gib()),
        format!("Linux {}", line("/proc/sys/kernel/osrelease")),
        disk(directory),
        scheduling(),
    ]
}

/// How the system schedules this process, and with it every signer.
fn scheduling() -> String {
    scheduling_of(&line("/proc/self/stat"))
}

/// Fields 19 and 41 of proc_pid_stat(5), `nice` and `policy`.
fn scheduling_of(stat: &str) -> String {
    // The name before the last bracket may hold spaces. After it comes field 3.
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let field = |number: usize| rest.split(' ').nth(number.saturating_sub(3));
    match (field(41), field(19)) {
        (Some("0"), Some("0")) => "client and signers at normal priority".to_owned(),
        (Some("0"), Some(nice)) => format!("client and signers at priority {nice} (`nice`)"),
        (Some("1" | "2"), _) => "client and signers at real-time priority (`chrt`)".to_owned(),
        _ => "an unusual scheduling policy".to_owned(),
    }
}

/// The load average over the last minute.
pub(crate) fn load() -> String {
    let text = line("/proc/loadavg");
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// Today in UTC, as `date` says.
pub(crate) fn date() -> String {
    let output = Command::new("date").args(["-u", "+%F %R UTC"]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default().trim().to_owned()
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find(|line| line.starts_with("model name"));
    let name = name.and_then(|line| line.split_once(": "));
    let virtual_machine = if text.contains(" hypervisor") {
        " in a virtual machine"
    } else {
        ""
    };
    format!(
        "{}{virtual_machine}",
        name.map_or("unknown", |(_, name)| name)
    )
}

fn memory_gib() -> f64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0 / 1024.0
}

/// The file system, and what sysfs says about the device below.
fn disk(directory: &Path) -> String {
    let Some((major, minor)) = device(directory) else {
        return "an unknown disk".to_owned();
    };
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let file_system = file_system(&mounts, &format!("{major}:{minor}"));
    let file_system = file_system.unwrap_or_else(|| "an unknown file system".to_owned());
    let queue = format!("/sys/dev/block/{major}:{minor}");
    let name = fs::read_link(&queue).ok();
    let name = name.and_then(|link| Some(link.file_name()?.to_string_lossy().into_owned()));
    let name = name.unwrap_or_else(|| "an unknown device".to_owned());
    let journal = if file_system == "ext4" && !has_journal(&name) {
        " without a journal"
    } else {
        ""
    };
    format!(
        "{file_system}{journal} on {name} (write cache: {})",
        line(&format!("{queue}/queue/write_cache")),
    )
}

/// ext4 shows the journal of each file system under the name of its device.
fn has_journal(device: &str) -> bool {
    let shown = fs::read_dir("/proc/fs/jbd2")
        .into_iter()
        .flatten()
        .flatten();
    let prefix = format!("{device}-");
    shown
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .any(|name| name.starts_with(&prefix))
}

/// Linux' numbers of the device that holds a directory (makedev(3)).
fn device(directory: &Path) -> Option<(u64, u64)> {
    let number = fs::metadata(directory).ok()?.dev();
    let major = (number >> 8) & 0xfff | (number >> 32) & !0xfff;
    let minor = number & 0xff | (number >> 12) & 0xffff_ff00;
    Some((major, minor))
}

/// The type of the file system on a device (proc_pid_mountinfo(5)).
fn file_system(mounts: &str, device: &str) -> Option<String> {
    let line = mounts
        .lines()
        .find(|line| line.split(' ').nth(2) == Some(device))?;
    let (_, rest) = line.split_once(" - ")?;
    rest.split(' ').next().map(str::to_owned)
}

fn line(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priority_is_told_from_the_fields_of_a_process() {
        let stat = |nice: i32, policy: u32| {
            let zeros = "0 ".repeat(15);
            scheduling_of(&format!(
                "7 (a) b) R {zeros}{nice} {}{policy} 0",
                "0 ".repeat(21)
            ))
        };
        assert_eq!(stat(0, 0), "client and signers at normal priority");
        assert_eq!(stat(-15, 0), "client and signers at priority -15 (`nice`)");
        assert_eq!(
            stat(0, 1),
            "client and signers at real-time priority (`chrt`)"
        );
        assert_eq!(scheduling_of(""), "an unusual scheduling policy");
    }

    #[test]
    fn file_system_is_found_by_its_device() {
        let mounts = "22 1 254:0 / / rw,relatime - ext4 /dev/root rw\n\
                      23 22 0:20 / /proc rw shared:5 - proc proc rw\n";
        assert_eq!(file_system(mounts, "254:0"), Some("ext4".to_owned()));
        assert_eq!(file_system(mounts, "0:20"), Some("proc".to_owned()));
        assert_eq!(file_system(mounts, "8:1"), None);
    }
}
