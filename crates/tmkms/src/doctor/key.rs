//! Key files: format, owner, mode, encryption, and what public key they hold.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use keys::{
    FilePermissions, KeyFileError, PassphraseSource, Problem, Purpose, is_encrypted, likely_format,
    read_identity, read_secret_file, show,
};
use privval::PublicKey;

use super::finding::Finding;
use crate::config::{Endpoint, Softsign, Validator};
use crate::signer::read_softsign_key;

/// Reads the key of a chain. The public key is absent where the key is encrypted and its
/// passphrase would have to be typed, or where something is wrong.
pub(super) fn consensus(key: &Softsign, findings: &mut Vec<Finding>) -> Option<PublicKey> {
    let path = &key.path.value;
    let content = match read_secret_file(path, Purpose::Consensus, FilePermissions::RequirePrivate)
    {
        Ok(content) => content,
        Err(error) => {
            findings.push(wrong(&error, path));
            return None;
        }
    };
    let is_encrypted = is_encrypted(&content);
    let asked = matches!(
        key.passphrase,
        PassphraseSource::Prompt | PassphraseSource::Descriptor(_)
    );
    if is_encrypted && asked {
        let found = format!("{} is encrypted{}", path.display(), owner(path));
        findings.push(Finding::fine("key.encrypted", found));
        return None;
    }
    match read_softsign_key(key, FilePermissions::RequirePrivate) {
        Ok(material) => {
            let public = material.public_key();
            let how = if is_encrypted {
                "encrypted".to_owned()
            } else {
                format!("{}, in the clear", likely_format(&content))
            };
            findings.push(Finding::fine(
                "key.ok",
                format!(
                    "{} holds an {} key ({how}{}), address {}",
                    path.display(),
                    show::algorithm(&public),
                    owner(path),
                    show::address_hex(&public)
                ),
            ));
            Some(public)
        }
        Err(error) => {
            findings.push(wrong(&error, path));
            None
        }
    }
}

/// Reads the identity that a node is shown.
pub(super) fn identity(node: &Validator, findings: &mut Vec<Finding>) {
    let Endpoint::Tcp { secret_key, .. } = &node.endpoint else {
        return;
    };
    let path = &secret_key.value;
    let finding = match read_identity(path, FilePermissions::RequirePrivate) {
        Ok(_) => {
            let found = format!("{} holds an identity{}", path.display(), owner(path));
            Finding::fine("key.identity_ok", found)
        }
        Err(error) => wrong(&error, path),
    };
    // Nodes usually share one.
    if !findings.contains(&finding) {
        findings.push(finding);
    }
}

/// Who owns the file, and its mode.
fn owner(path: &Path) -> String {
    path.metadata().map_or_else(
        |_| String::new(),
        |found| format!(", uid {}, mode {:04o}", found.uid(), found.mode() & 0o7777),
    )
}

fn wrong(error: &KeyFileError, path: &Path) -> Finding {
    let found = format!(
        "{} file {} {}",
        error.purpose,
        path.display(),
        error.problem
    );
    let id = match &error.problem {
        Problem::Missing { .. } => "key.missing",
        Problem::Directory => "key.directory",
        Problem::Insecure { .. } => "key.open_to_others",
        Problem::PermissionDenied { uid, owner } => {
            return denied(error, &found, *uid, owner.map(|(owner, _)| owner));
        }
        Problem::Age(_) | Problem::Passphrase(_) => "key.not_opened",
        _ => "key.bad",
    };
    Finding::broken(id, found).mend(error.remedy())
}

/// Only the owner of a file that its own mode closes has something to mend; for anybody else it
/// may be as it should be.
fn denied(error: &KeyFileError, found: &str, uid: u32, owner: Option<u32>) -> Finding {
    if owner == Some(uid) {
        return Finding::broken("key.closed", found).mend(error.remedy());
    }
    Finding::unseen("key.unseen", "a key", found)
        .mend("run as the user that runs the signer, or as root")
        .mend(format!("if this is that user: {}", error.remedy()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use keys::Origin;

    fn denied_for(uid: u32, owner: Option<(u32, u32)>) -> &'static str {
        let path = Path::new("/k");
        let error = KeyFileError {
            origin: Origin::from(path),
            purpose: Purpose::Consensus,
            format: None,
            problem: Problem::PermissionDenied { uid, owner },
        };
        wrong(&error, path).id
    }

    #[test]
    fn closed_to_its_owner_is_broken_and_closed_to_others_is_not() {
        assert_eq!(denied_for(5, Some((5, 0))), "key.closed");
        assert_eq!(denied_for(5, Some((0, 0o600))), "key.unseen");
        assert_eq!(denied_for(5, None), "key.unseen");
    }
}
