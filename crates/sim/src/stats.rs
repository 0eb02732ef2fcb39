//! What happened in schedules, counted.

use std::fmt;
use std::ops::AddAssign;

/// Counts over one schedule or many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Requests that reached a signer.
    pub requests: u64,
    /// Signatures that left the process, repeats included.
    pub signatures: u64,
    /// Of these, repeats of an earlier one.
    pub repeats: u64,
    /// Refusals.
    pub refusals: u64,
    /// Starts that succeeded.
    pub starts: u64,
    /// Starts that a fault prevented, or another process.
    pub failed_starts: u64,
    /// Starts that stopped for a person to decide, as they must.
    pub stops: u64,
    /// Processes killed.
    pub kills: u64,
    /// Losses of power.
    pub power_losses: u64,
    /// Injected errors of the disk.
    pub faults: u64,
    /// Files replaced, restored or removed, by people or by tmkms.
    pub replacements: u64,
}

impl AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.signatures += other.signatures;
        self.repeats += other.repeats;
        self.refusals += other.refusals;
        self.starts += other.starts;
        self.failed_starts += other.failed_starts;
        self.stops += other.stops;
        self.kills += other.kills;
        self.power_losses += other.power_losses;
        self.faults += other.faults;
        self.replacements += other.replacements;
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} requests, {} signatures ({} repeats), {} refusals, {} starts ({} failed, {} \
             stopped for a person), {} kills, {} power losses, {} disk faults, {} files replaced",
            self.requests,
            self.signatures,
            self.repeats,
            self.refusals,
            self.starts,
            self.failed_starts,
            self.stops,
            self.kills,
            self.power_losses,
            self.faults,
            self.replacements
        )
    }
}
