//! `cargo xtask bench`: builds the peers, then runs the benchmark.

use crate::{Outcome, package, peers};

/// Signers that come with the workspace.
const OWN: [&str; 2] = ["floor", "ours"];

pub(crate) fn run(arguments: &[String]) -> Outcome {
    if needs_peers(arguments) {
        peers::build()?;
    }
    package::run("bench", arguments)
}

/// A question for help needs none, nor does a run that names only signers of the workspace.
fn needs_peers(arguments: &[String]) -> bool {
    if arguments.iter().any(|a| a == "--help" || a == "-h") {
        return false;
    }
    let only = arguments.iter().enumerate().find_map(|(place, argument)| {
        let next = || arguments.get(place + 1).map(String::as_str);
        let same = argument.strip_prefix("--only=");
        same.or_else(|| next().filter(|_| argument == "--only"))
    });
    only.is_none_or(|names| names.split(',').any(|name| !OWN.contains(&name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_built_when_they_are_measured() {
        for (line, expected) in [
            ("", true),
            ("--short", true),
            ("--short --only floor,tmkms", true),
            ("--only=horcrux", true),
            ("--only", true),
            ("--only floor,ours --short", false),
            ("--only=ours", false),
            ("--only tmkms --help", false),
        ] {
            let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            assert_eq!(needs_peers(&arguments), expected, "{line}");
        }
    }
}
