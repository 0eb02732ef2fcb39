//! What the process takes of the system, from files of proc(5) that were opened before the sandbox
//! went on: they can still be read then, and not be opened.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{Dir, Mode, OFlags, open};
use rustix::process::{Resource, getrlimit};

use super::document;

/// Clock ticks of proc(5) in a second: `USER_HZ`, the same on all processors that this runs on.
const TICKS_PER_S: u64 = 100;

/// The open files.
#[derive(Debug)]
pub(super) struct Process(Mutex<Files>);

#[derive(Debug)]
struct Files {
    status: File,
    stat: File,
    fds: Dir,
}

impl Process {
    /// Opens them; `None` where there is no proc(5).
    pub(super) fn open() -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fds: OwnedFd = open("/proc/self/fd", flags, Mode::empty()).ok()?;
        Some(Self(Mutex::new(Files {
            status: File::open("/proc/self/status").ok()?,
            stat: File::open("/proc/self/stat").ok()?,
            fds: Dir::new(fds).ok()?,
        })))
    }

    /// What they say now.
    pub(super) fn document(&self) -> Option<document::Process> {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let status = read(&mut files.status).ok()?;
        let stat = read(&mut files.stat).ok()?;
        Some(document::Process {
            resident_bytes: resident_bytes(&status)?,
            cpu_ms: cpu_ms(&stat)?,
            open_fds: files.open_fds()?,
            max_fds: getrlimit(Resource::Nofile).current,
        })
    }
}

impl Files {
    fn open_fds(&mut self) -> Option<u64> {
        self.fds.rewind();
        let mut count = 0_u64;
        while let Some(entry) = self.fds.read() {
            let name = entry.ok()?;
            let is_number = name.file_name().to_bytes().iter().all(u8::is_ascii_digit);
            count = count.saturating_add(u64::from(is_number));
        }
        Some(count)
    }
}

fn read(file: &mut File) -> io::Result<String> {
    /// Both have less than 2 KiB.
    const MAX_LEN: u64 = 64 * 1024;
    file.rewind()?;
    let mut text = String::new();
    file.take(MAX_LEN).read_to_string(&mut text)?;
    Ok(text)
}

/// `VmRSS:     5432 kB`.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Time in the program and in the kernel. The second field, in brackets, may hold anything.
fn cpu_ms(stat: &str) -> Option<u64> {
    const UTIME: usize = 14 - 3;
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(UTIME);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let sum = ticks()?.saturating_add(ticks()?);
    Some(sum.saturating_mul(1_000 / TICKS_PER_S))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_process_is_told_again_and_again() {
        let process = Process::open().unwrap();
        let before = process.document().unwrap();
        assert!(
            before.resident_bytes > 1 << 20 && before.open_fds >= 3,
            "{before:?}"
        );
        assert!(before.max_fds.is_none_or(|max| max >= before.open_fds));
        let more: Vec<File> = (0..20).map(|_| File::open("/dev/null").unwrap()).collect();
        let after = process.document().unwrap();
        assert!(
            after.open_fds >= before.open_fds + 15,
            "{before:?} {after:?}"
        );
        drop(more);
    }

    #[test]
    fn name_of_a_process_does_not_move_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 4 0 99 1 2";
        assert_eq!(cpu_ms(stat), Some(3_000));
        assert_eq!(cpu_ms("7 (a) S 1"), None);
        assert_eq!(
            resident_bytes("VmSize:\t 9 kB\nVmRSS:\t    12 kB\n"),
            Some(12 * 1024)
        );
        assert_eq!(resident_bytes("VmSize:\t 9 kB\n"), None);
    }
}
