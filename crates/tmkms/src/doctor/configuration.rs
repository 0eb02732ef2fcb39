//! tmkms.toml and the files of tunnels that it names: everything that is wrong in them.

use std::path::Path;

use keys::FilePermissions;

use super::finding::Finding;
use crate::config::{Config, Error, FileError, Loaded};
use crate::tunnels::{TunnelError, Tunnels};

/// Reads tmkms.toml; `None` where it cannot be used.
pub(super) fn read(path: &Path, findings: &mut Vec<Finding>) -> Option<Config> {
    match Config::load(path) {
        Ok(Loaded { config, warnings }) => {
            if warnings.is_empty() {
                let found = format!("{} is in order", path.display());
                findings.push(Finding::fine("config.ok", found));
            } else {
                let found = warnings.render(false);
                findings.push(
                    Finding::warning("config.warnings", found)
                        .mend("each has its own `help:` above"),
                );
            }
            Some(config)
        }
        Err(error) => {
            findings.push(wrong(&error));
            None
        }
    }
}

fn wrong(error: &Error) -> Finding {
    let file = match error {
        Error::Invalid(report) => {
            return Finding::broken("config.invalid", report.render(false))
                .mend("each has its own `help:` above; then `tmkms config check`");
        }
        Error::File(file) => file,
    };
    let id = match file {
        FileError::Directory(_) => "config.directory",
        FileError::Missing(_) => "config.missing",
        FileError::Forbidden(_) => "config.forbidden",
        _ => "config.unreadable",
    };
    let found = match file {
        FileError::Directory(_) => {
            format!("{file}: Docker makes a directory when the file of a mount is not there yet")
        }
        _ => file.to_string(),
    };
    let finding = match file {
        FileError::Forbidden(_) => Finding::unseen(id, "the configuration", found)
            .mend("run as the user that runs tmkms, or as root"),
        _ => Finding::broken(id, found),
    };
    let steps = file.help().into_iter();
    steps.fold(finding, |finding, step| finding.mend(step))
}

/// Reads the tunnels, and looks whether the nodes are behind them; `None` where they cannot be
/// used.
pub(super) fn tunnels(config: &Config, findings: &mut Vec<Finding>) -> Option<Tunnels> {
    // Modes that are too open are found here, not refused: a mount may have no others.
    match Tunnels::load(&config.wireguard, FilePermissions::RequirePrivate) {
        Ok(tunnels) => {
            for tunnel in tunnels.iter() {
                findings.push(if tunnel.warnings.is_empty() {
                    Finding::fine("wireguard.file_ok", tunnel.describe())
                } else {
                    Finding::warning("wireguard.file_warnings", tunnel.warnings.render(false))
                        .mend("each has its own `help:` above")
                });
            }
            Some(tunnels)
        }
        Err(errors) => {
            findings.extend(errors.iter().map(wrong_tunnel));
            None
        }
    }
}

fn wrong_tunnel(error: &TunnelError) -> Finding {
    let text = error.render(false);
    let text = text.trim_start_matches("error: ").to_owned();
    match error {
        TunnelError::Invalid(_) => Finding::broken("wireguard.file_invalid", text)
            .mend("each has its own `help:` above; then `tmkms config check`"),
        TunnelError::File { source, .. } => {
            let place = text.trim_end().trim_end_matches('.');
            let place = place
                .trim_end_matches(&source.remedy())
                .trim_end_matches(". ");
            Finding::broken("wireguard.file_unreadable", place).mend(source.remedy())
        }
        TunnelError::Local { .. } => Finding::broken("wireguard.address_taken", text)
            .mend("wg-quick down wg0   (on this machine: a tunnel has one end here, not two)"),
        _ => Finding::broken("wireguard.files_clash", text)
            .mend("correct AllowedIPs or ListenPort in one of the files"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<Finding> {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("tmkms.toml");
        std::fs::write(&path, text).unwrap();
        let mut findings = Vec::new();
        assert!(read(&path, &mut findings).is_none());
        findings
    }

    #[test]
    fn all_mistakes_are_in_one_finding_with_their_help() {
        let findings = found("[[chain]]\nid = 5\n[[validator]]\nadr = \"x\"\n");
        let [finding] = findings.as_slice() else {
            panic!("{findings:?}")
        };
        assert_eq!(finding.id, "config.invalid");
        assert!(
            finding.found.contains("did you mean `addr`?"),
            "{}",
            finding.found
        );
        assert!(finding.found.contains("`id` in"), "{}", finding.found);
    }

    #[test]
    fn directory_in_the_place_of_the_file_is_named_with_its_cause() {
        let home = tempfile::tempdir().unwrap();
        let mut findings = Vec::new();
        assert!(read(home.path(), &mut findings).is_none());
        assert_eq!(findings[0].id, "config.directory");
        assert!(findings[0].found.contains("Docker makes a directory"));
        assert!(findings[0].remedy[0].contains("rmdir"));
    }
}
