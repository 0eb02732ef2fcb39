//! What every scene has.

use crate::guide::Ledger;
use crate::images::Parts;

/// What every scene has.
#[derive(Debug)]
pub struct Stage {
    /// What was built before.
    pub parts: Parts,
    /// What was typed so far.
    pub ledger: Ledger,
    /// Whether all output is shown.
    pub is_verbose: bool,
}
