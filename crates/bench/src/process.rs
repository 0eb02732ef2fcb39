//! A signer's process: ended when dropped, and its memory.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::error::BenchError;

/// A process that ends with this value.
pub(crate) struct Process {
    child: Child,
    /// Right before it was started.
    pub(crate) started: Instant,
}

impl Process {
    /// Starts a program. What it writes goes nowhere unless `logs`: no signer is to be slowed
    /// down by a reader of its log.
    pub(crate) fn start(command: &mut Command, logs: bool) -> Result<Self, BenchError> {
        command.stdin(Stdio::null());
        if !logs {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        let started = Instant::now();
        let child = command
            .spawn()
            .map_err(|e| BenchError::program(command.get_program().as_ref(), &e))?;
        Ok(Self { child, started })
    }

    /// True when it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it, and tells how it ended.
    pub(crate) fn end(mut self) -> String {
        if !self.has_ended() {
            return "it was ended".to_owned();
        }
        match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }

    /// Its memory now and at most, in MiB (VmRSS and VmHWM, proc_pid_status(5)).
    pub(crate) fn memory_mib(&self) -> Result<(f64, f64), BenchError> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        Ok((field_mib(&status, "VmRSS:"), field_mib(&status, "VmHWM:")))
    }
}

fn field_mib(status: &str, name: &str) -> f64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only when it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_mib() {
        let status = "Name:\tx\nVmHWM:\t    6144 kB\nVmRSS:\t    5120 kB\n";
        assert_eq!(field_mib(status, "VmRSS:"), 5.0);
        assert_eq!(field_mib(status, "VmHWM:"), 6.0);
    }
}
