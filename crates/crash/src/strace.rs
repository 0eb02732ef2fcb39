//! `strace` (strace 6 or later): which system calls a life consists of, and a signal or an error
//! at any one of them.
//!
//! Counting: strace counts the calls of each name for each thread by itself, so `when=N` hits the
//! first thread that comes to its N-th call of that name.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How long [`Injection::StopAfter`] stops.
pub const STOP: Duration = Duration::from_millis(1500);

/// What to do to one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Injection {
    /// SIGKILL on entry; the call is not made.
    Kill,
    /// The call is made, and the thread stands still for [`STOP`] before it returns. A kill
    /// meanwhile takes effect at once, though strace lets the process go only after the time.
    StopAfter,
    /// The call is not made and fails with this.
    Fail(&'static str),
    /// This call and all later ones of its name are not made and fail with this.
    FailFromThere(&'static str),
}

/// A system call of one life: the `nth` of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// The call.
    pub name: String,
    /// From 1.
    pub nth: u64,
}

/// Why there is no usable strace here; `None` when there is.
#[must_use]
pub fn unavailable() -> Option<String> {
    let probe = Command::new("strace")
        .args(["-f", "-D", "-qq", "-o", "/dev/null", "true"])
        .output();
    match probe {
        Err(error) => Some(format!("strace cannot be run ({error}): install it")),
        Ok(output) if !output.status.success() => Some(format!(
            "strace may not trace here: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Ok(_) => None,
    }
}

/// The wrapper that writes down every call. The signer stays this process's child (`-D`).
#[must_use]
pub fn tracing_to(file: &Path) -> Vec<String> {
    let mut wrapper = words(&["strace", "-f", "-D", "-qq", "-s", "0", "-o"]);
    wrapper.push(file.display().to_string());
    wrapper
}

/// The wrapper that does something to one call.
#[must_use]
pub fn injecting(point: &Point, injection: &Injection) -> Vec<String> {
    let what = match injection {
        Injection::Kill => "signal=KILL".to_owned(),
        Injection::StopAfter => format!("delay_exit={}", STOP.as_micros()),
        Injection::Fail(error) | Injection::FailFromThere(error) => format!("error={error}"),
    };
    let on = if matches!(injection, Injection::FailFromThere(_)) {
        "+"
    } else {
        ""
    };
    let Point { name, nth } = point;
    let mut wrapper = words(&["strace", "-f", "-D", "-qq", "-o", "/dev/null", "-e"]);
    wrapper.push(format!("trace={name}"));
    wrapper.push("-e".to_owned());
    wrapper.push(format!("inject={name}:{what}:when={nth}{on}"));
    wrapper
}

/// The wrapper that makes every call of this name a lie: it does nothing and succeeds.
#[must_use]
pub fn lying(name: &str) -> Vec<String> {
    let mut wrapper = words(&["strace", "-f", "-D", "-qq", "-o", "/dev/null", "-e"]);
    wrapper.push(format!("trace={name}"));
    wrapper.push("-e".to_owned());
    wrapper.push(format!("inject={name}:retval=0"));
    wrapper
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// How often each thread made each call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    threads: BTreeMap<u64, Vec<String>>,
}

impl Trace {
    /// Reads what [`tracing_to`] has written: `PID name(…`. Lines that resume or end a call, and
    /// those about signals and exits, begin no call.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut trace = Self::default();
        for line in text.lines() {
            let Some((thread, rest)) = line.trim_start().split_once(' ') else {
                continue;
            };
            let Some((name, _)) = rest.trim_start().split_once('(') else {
                continue;
            };
            let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if let (Ok(thread), true) = (thread.parse(), name.chars().all(is_name)) {
                let calls: &mut Vec<String> = trace.threads.entry(thread).or_default();
                calls.push(name.to_owned());
            }
        }
        trace
    }

    /// Every call that an injection can hit, by name: up to the most that one thread made.
    #[must_use]
    pub fn points(&self) -> Vec<Point> {
        let mut most: BTreeMap<&str, u64> = BTreeMap::new();
        for calls in self.threads.values() {
            for (name, count) in counts(calls) {
                let entry = most.entry(name).or_default();
                *entry = count.max(*entry);
            }
        }
        let all = most.into_iter().flat_map(|(name, count)| {
            (1..=count).map(|nth| Point {
                name: name.to_owned(),
                nth,
            })
        });
        // A process is not there yet at its first execve, nor at the second of `strace -D`.
        all.filter(|point| point.name != "execve").collect()
    }

    /// The calls between one `sync` of the signing thread and its next, in order: what one
    /// signature costs, once it is in its stride.
    #[must_use]
    pub fn cycle(&self, sync: &str) -> Vec<String> {
        let signing = self.signing_thread(sync);
        let Some(calls) = signing.and_then(|thread| self.threads.get(&thread)) else {
            return Vec::new();
        };
        let at: Vec<usize> = (0..)
            .zip(calls)
            .filter(|(_, name)| *name == sync)
            .map(|(index, _)| index)
            .collect();
        let Some((from, to)) = at.get(1).zip(at.get(2)) else {
            return Vec::new();
        };
        calls.get(*from..*to).unwrap_or_default().to_vec()
    }

    /// How often the busiest of the other threads made a call: most of them before signing began.
    #[must_use]
    pub fn count_outside_signing(&self, name: &str, sync: &str) -> u64 {
        let signing = self.signing_thread(sync);
        let others = self
            .threads
            .iter()
            .filter(|(thread, _)| Some(**thread) != signing);
        others
            .map(|(_, calls)| counts(calls).get(name).copied().unwrap_or_default())
            .max()
            .unwrap_or_default()
    }

    /// Every call of the threads that do not sign: the start.
    #[must_use]
    pub fn points_outside_signing(&self, sync: &str) -> Vec<Point> {
        let is_outside = |point: &Point| point.nth <= self.count_outside_signing(&point.name, sync);
        self.points().into_iter().filter(is_outside).collect()
    }

    /// The thread that makes this call most often.
    fn signing_thread(&self, sync: &str) -> Option<u64> {
        let syncs = |calls: &[String]| calls.iter().filter(|call| *call == sync).count();
        self.threads
            .iter()
            .max_by_key(|(_, calls)| syncs(calls))
            .map(|(thread, _)| *thread)
    }
}

fn counts(calls: &[String]) -> BTreeMap<&str, u64> {
    let mut counts = BTreeMap::new();
    for name in calls {
        let count: &mut u64 = counts.entry(name.as_str()).or_default();
        *count += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "\
10 execve(\"\"..., [\"\"...], 0x7ffd) = 0
10 read(3, \"\"..., 10)          = 10
10 fdatasync(4)                  = 0
11 recvfrom(7,  <unfinished ...>
10 futex(0x55, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, FUTEX_BITSET_MATCH_ANY <unfinished ...>
11 <... recvfrom resumed>\"\"..., 16384, 0, NULL, NULL) = 120
11 pwrite64(4, \"\"..., 4096, 8192) = 4096
11 fdatasync(4)                  = 0
11 sendto(7, \"\"..., 130, MSG_NOSIGNAL, NULL, 0) = 130
11 recvfrom(7, \"\"..., 16384, 0, NULL, NULL) = 120
11 pwrite64(4, \"\"..., 4096, 12288) = 4096
11 fdatasync(4)                  = 0
11 sendto(7, \"\"..., 130, MSG_NOSIGNAL, NULL, 0) = 130
11 recvfrom(7, \"\"..., 16384, 0, NULL, NULL) = 120
11 pwrite64(4, \"\"..., 4096, 16384) = 4096
11 fdatasync(4)                  = 0
11 +++ killed by SIGKILL +++
10 --- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=9, si_uid=0} ---
";

    #[test]
    fn calls_are_counted_for_the_thread_that_makes_most_of_them() {
        let points = Trace::parse(TRACE).points();
        let count = |name: &str| points.iter().filter(|p| p.name == name).count();
        assert_eq!(count("recvfrom"), 3);
        assert_eq!(count("fdatasync"), 3);
        assert_eq!(count("read"), 1);
        assert_eq!(count("execve"), 0);
        assert_eq!(points.len(), 3 + 3 + 1 + 1 + 3 + 2);
    }

    #[test]
    fn cycle_is_what_comes_between_two_syncs_of_the_signing_thread() {
        let trace = Trace::parse(TRACE);
        assert_eq!(
            trace.cycle("fdatasync"),
            ["fdatasync", "sendto", "recvfrom", "pwrite64"]
        );
        assert_eq!(trace.count_outside_signing("fdatasync", "fdatasync"), 1);
        assert_eq!(trace.count_outside_signing("sendto", "fdatasync"), 0);
        let starting = trace.points_outside_signing("fdatasync");
        let names: Vec<&str> = starting.iter().map(|point| point.name.as_str()).collect();
        assert_eq!(names, ["fdatasync", "futex", "read"]);
    }
}
