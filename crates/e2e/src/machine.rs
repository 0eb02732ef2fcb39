//! How busy the machine is with other things.

use std::fmt;
use std::fs;
use std::thread::available_parallelism;
use std::time::Duration;

/// By how much limits grow, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slack {
    load: f64,
    cores: f64,
}

impl Slack {
    /// From the load average of the last minute.
    pub fn now() -> Self {
        let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = text.split(' ').next().and_then(|text| text.parse().ok());
        Self {
            load: load.unwrap_or_default(),
            cores: available_parallelism().map_or(1.0, |cores| cores.get() as f64),
        }
    }

    /// A limit for this machine: as it is while every runnable process has a core, else longer
    /// by their ratio.
    pub fn grown(self, limit: Duration) -> Duration {
        limit.mul_f64((self.load / self.cores).max(1.0))
    }
}

impl fmt::Display for Slack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "load {:.1} on {} cores", self.load, self.cores)
    }
}

/// The most memory that a process ever had (VmHWM, proc_pid_status(5)), in MiB.
pub fn peak_memory_mib(id: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_grow_only_when_cores_are_missing() {
        let grown = |load| {
            let slack = Slack { load, cores: 2.0 };
            slack.grown(Duration::from_secs(2))
        };
        assert_eq!(grown(1.9), Duration::from_secs(2));
        assert_eq!(grown(5.0), Duration::from_secs(5));
    }
}
