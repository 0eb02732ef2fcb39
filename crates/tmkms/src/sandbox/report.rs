//! What became of the sandbox, for the log.

use std::fmt::Display;

use landlock::{LandlockStatus, RulesetError};
use tracing::{info, warn};

use super::access;
use super::filter::FilterError;
use super::needs::Needs;

/// The target of the lines.
const TARGET: &str = "tmkms::sandbox";

/// What is restricted and what could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    on: Vec<String>,
    lost: Vec<String>,
    tcp: String,
    files: String,
}

impl Report {
    pub(super) fn of(needs: &Needs) -> Self {
        Self {
            on: Vec::new(),
            lost: Vec::new(),
            tcp: tcp(needs),
            files: files(needs),
        }
    }

    pub(super) fn other_threads(&mut self, count: usize) {
        if count > 0 {
            self.lost.push(format!(
                "{count} thread(s) were running before, such as those that wait for the output of \
                 a state_hook: landlock does not hold them"
            ));
        }
    }

    pub(super) fn access(&mut self, result: Result<LandlockStatus, RulesetError>) {
        match result {
            Ok(status) => {
                self.lost.extend(access::lost(&status).map(str::to_owned));
                if let LandlockStatus::Available { effective_abi, .. } = status {
                    self.on.push(format!("files ({})", self.files));
                    if effective_abi >= landlock::ABI::V4 {
                        self.on.push(format!("TCP ({})", self.tcp));
                    }
                }
            }
            Err(error) => self.lost.push(format!(
                "landlock failed ({error}): files and TCP ports are not restricted"
            )),
        }
    }

    pub(super) fn calls(&mut self, result: Result<(), FilterError>) {
        match result {
            Ok(()) => self.on.push("system calls".to_owned()),
            Err(error) => self.lost.push(error.to_string()),
        }
    }

    /// What is not restricted, in words; empty when all is.
    #[must_use]
    pub fn lost(&self) -> &[String] {
        &self.lost
    }

    /// Writes it to the log: a line for what is restricted, and a warning for each thing that
    /// could not be.
    pub fn tell(&self) {
        if !self.on.is_empty() {
            info!(target: TARGET, "sandbox: {} are restricted", self.on.join(", "));
        }
        for lost in &self.lost {
            warn!(target: TARGET, "sandbox: {lost}");
        }
    }
}

/// Tells that there is no sandbox because nobody wants one.
pub fn tell_off() {
    warn!(
        target: TARGET,
        "sandbox: off (--no-sandbox): whoever gets control of this process could read and write \
         the files of its user, run programs and connect to anywhere"
    );
}

fn tcp(needs: &Needs) -> String {
    let dials = format!("dials ports {}", listed(needs.ports()));
    if needs.listen {
        return format!("{dials}, listens on any");
    }
    dials
}

fn files(needs: &Needs) -> String {
    let read = listed(needs.readable().iter().map(|path| path.display()));
    if needs.write.is_empty() {
        return format!("reads {read}");
    }
    let write = listed(needs.write.iter().map(|path| path.display()));
    format!("reads {read}, writes {write}")
}

fn listed(items: impl IntoIterator<Item = impl Display>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() {
        return "none".to_owned();
    }
    items.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use landlock::ABI;

    fn available(abi: ABI) -> Result<LandlockStatus, RulesetError> {
        Ok(LandlockStatus::Available {
            effective_abi: abi,
            kernel_abi: None,
        })
    }

    fn report() -> Report {
        Report::of(&Needs {
            connect_ports: [26659, 26660].into(),
            read: ["/srv/node".into()].into(),
            ..Needs::default()
        })
    }

    #[test]
    fn whole_sandbox_has_lost_nothing() {
        let mut report = report();
        report.other_threads(0);
        report.access(available(ABI::V7));
        report.calls(Ok(()));
        assert_eq!(report.lost(), [""; 0]);
        assert_eq!(
            report.on,
            [
                "files (reads /dev/random /dev/urandom /srv/node /sys/devices/system/cpu)",
                "TCP (dials ports 26659 26660)",
                "system calls"
            ]
        );
    }

    #[test]
    fn what_can_be_written_is_told_too() {
        let needs = Needs {
            write: ["/srv/state".into()].into(),
            ..Needs::default()
        };
        assert!(files(&needs).ends_with("/sys/devices/system/cpu, writes /srv/state"));
    }

    #[test]
    fn ports_that_may_be_opened_are_told() {
        let needs = Needs {
            connect_ports: [26659].into(),
            listen: true,
            ..Needs::default()
        };
        assert_eq!(tcp(&needs), "dials ports 26659, listens on any");
    }

    #[test]
    fn kernel_that_knows_no_ports_is_not_said_to_restrict_them() {
        let mut report = report();
        report.access(available(ABI::V3));
        assert_eq!(report.on.len(), 1);
        assert_eq!(report.lost().len(), 1);
    }

    #[test]
    fn each_thing_that_is_missing_is_told() {
        let mut report = report();
        report.other_threads(2);
        report.access(Ok(LandlockStatus::NotImplemented));
        report.calls(Err(FilterError::Processor("mips")));
        assert!(report.on.is_empty());
        let begins = [
            "2 thread(s) were running",
            "the kernel has no",
            "system calls",
        ];
        for (lost, begin) in report.lost().iter().zip(begins) {
            assert!(lost.starts_with(begin), "{lost}");
        }
        assert_eq!(report.lost().len(), 3);
    }
}
