//! `scaller version`.

use std::process::ExitCode;

use crate::{Outcome, print, sekaid};

pub(crate) fn run() -> Outcome {
    print(&format!("scaller version: {}", env!("CARGO_PKG_VERSION")))?;
    // Without a sekaid there is one line, as in the original.
    if let Ok(version) = sekaid::version() {
        let version = if version.is_empty() {
            // A build of its Go module is not told its version.
            "not known to this build"
        } else {
            &version
        };
        print(&format!("sekaid version: {version}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
