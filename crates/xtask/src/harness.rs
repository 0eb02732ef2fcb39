//! `cargo xtask harness`: tries our signer as `tmkms harness` does, and its peers with `--peers`.

use crate::{Outcome, package, peers};

pub(crate) fn run(arguments: &[String]) -> Outcome {
    if arguments.iter().any(|argument| argument == "--peers") {
        peers::build()?;
    }
    let mut all = vec!["harness".to_owned()];
    all.extend_from_slice(arguments);
    package::run("bench", &all)
}
