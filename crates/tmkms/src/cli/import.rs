//! `tmkms softsign import`: takes over a node's key and what it signed last.
//!
//! Invariants:
//! - The mark is on the disk before the key, so that nothing between the two leaves a key that
//!   has forgotten its past.
//! - Whatever can be refused is refused before anything is written.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use guard::Knowledge;
use keys::{
    Content, FilePermissions, KeyFileError, KeyFormat, KeyMaterial, KeyOptions, Origin, Overwrite,
    Problem, Purpose, WriteError, parse_key, read_key, read_secret_stream, write_key,
    write_secret_file,
};
use store::Document;

use super::args::{Format, ImportArgs};
use super::failure::quoted;
use super::softsign::{overwrite, tell_algorithm};
use super::{Failure, Outcome, cannot, is_stdin};
use crate::signer::{mark_path, read_mark};

/// Takes over a key.
pub(super) fn run(args: &ImportArgs, out: &mut dyn Write) -> Outcome {
    let key = read_source(args)?;
    let mark = find_mark(args)?;
    let file = &args.destination;
    check_free(file, mark.is_some(), overwrite(args.force))?;
    if let Some(mark) = &mark {
        write_secret_file(&mark_path(file), &mark.text, overwrite(args.force))?;
    }
    write_key(file, &key, overwrite(args.force))?;
    let algorithm = key.algorithm();
    writeln!(
        out,
        "Imported {algorithm} private key to {}",
        file.display()
    )?;
    tell_mark(args, mark.as_ref(), out)?;
    tell_algorithm(algorithm, out)?;
    tell_next(args, out)
}

fn read_source(args: &ImportArgs) -> Result<KeyMaterial, Failure> {
    let options = KeyOptions {
        format: KeyFormat::from(args.format),
        // The node's file is the node's affair; the copy gets 0600.
        permissions: FilePermissions::AllowInsecure,
        ..KeyOptions::default()
    };
    let read = if is_stdin(&args.source) {
        read_secret_stream(&mut io::stdin(), Purpose::Consensus)
            .and_then(|bytes| parse_key(&bytes, &Origin::StandardInput, &options))
    } else {
        read_key(&args.source, &options)
    };
    read.map_err(|error| unusable(args, error))
}

/// The remedies of [`KeyFileError`] are for a key that is in use. A source is another matter: it
/// is to be named right, and never to be written to.
fn unusable(args: &ImportArgs, error: KeyFileError) -> Failure {
    let remedy = match &error.problem {
        Problem::OtherContent { found, .. } if *found == Content::CometKey => {
            "Leave --format base64 out"
        }
        Problem::OtherContent { found, .. } if *found == Content::Base64Key => {
            "Add --format base64"
        }
        _ if is_stdin(&args.source) => return error.into(),
        Problem::Missing { .. } | Problem::Directory => {
            "Name the node's key file: config/priv_validator_key.json in its home"
        }
        Problem::Empty | Problem::Binary { .. } | Problem::BadBase64(_) | Problem::Material(_) => {
            "Take it again from where it came from, or from a backup"
        }
        _ => return error.into(),
    };
    let source = match &error.origin {
        Origin::File(file) => format!("key file {}", file.display()),
        Origin::StandardInput => "standard input".to_owned(),
    };
    Failure::new(format!("{source} {}. {remedy}", error.problem))
}

/// Writing decides; this is for a mark that must not be written when the key cannot be.
fn check_free(file: &Path, has_mark: bool, overwrite: Overwrite) -> Outcome {
    let path = file.to_owned();
    match fs::symlink_metadata(file) {
        Ok(found) if found.is_dir() => return Err(WriteError::Directory { path }.into()),
        Ok(_) if overwrite == Overwrite::Refuse => return Err(WriteError::Exists { path }.into()),
        _ => {}
    }
    let mark = mark_path(file);
    if mark.is_dir() {
        return Err(Failure::new(format!(
            "{} is a directory, but what was signed last is kept in a file of that name. Move \
             it away",
            mark.display()
        )));
    }
    if has_mark && overwrite == Overwrite::Refuse && mark.exists() {
        return Err(Failure::new(format!(
            "{} exists: it says what was signed with an earlier key of this name. Move it away \
             if that key is gone, or overwrite it with --force",
            mark.display()
        )));
    }
    Ok(())
}

/// The node's own mark.
struct Found {
    file: PathBuf,
    knowledge: Knowledge,
    text: Vec<u8>,
}

fn find_mark(args: &ImportArgs) -> Result<Option<Found>, Failure> {
    if let Some(file) = &args.state {
        return take_mark(args, file.clone(), read_mark(file)?).map(Some);
    }
    let Some(file) = beside(&args.source)? else {
        return Ok(None);
    };
    let document = read_mark(&file).map_err(|e| {
        Failure::new(format!(
            "{e}. Give a whole one with --state FILE. Without any: `tmkms softsign import - {} < \
             {}`, and then `tmkms state import --height` with the last height that this validator \
             signed",
            quoted(&args.destination),
            quoted(&args.source)
        ))
    })?;
    take_mark(args, file, document).map(Some)
}

fn take_mark(args: &ImportArgs, file: PathBuf, document: Document) -> Result<Found, Failure> {
    let chain_id = match (&document.chain_id, &args.chain_id) {
        (Some(found), Some(expected)) if found != expected => {
            return Err(Failure::new(format!(
                "{} is of chain {found}, not of {expected}",
                file.display()
            )));
        }
        (found, expected) => found.as_ref().or(expected.as_ref()),
    };
    // A node's own file says more than ours can when nothing was signed: see `store::Document`.
    let text = match chain_id {
        Some(id) if has_signed(&document.knowledge) => {
            Document::to_json(id, &document.knowledge).into_bytes()
        }
        _ => fs::read(&file).map_err(|e| cannot("read", &file, &e))?,
    };
    Ok(Found {
        file,
        knowledge: document.knowledge,
        text,
    })
}

fn has_signed(knowledge: &Knowledge) -> bool {
    matches!(knowledge, Knowledge::Mark(mark) if mark.hrs().height.value() > 0)
}

/// `config/priv_validator_key.json` has its state in `data/priv_validator_state.json`. The key
/// may be a link: then it is the link's own place that counts, before that of its target.
///
/// A place that cannot be looked into is an error, because taking it for empty would forget
/// what the node has signed.
fn beside(key: &Path) -> Result<Option<PathBuf>, Failure> {
    if is_stdin(key) {
        return Ok(None);
    }
    let folder = match key.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let target = fs::canonicalize(key).ok();
    let target_folder = target.as_deref().and_then(Path::parent);
    for config in [fs::canonicalize(folder).ok().as_deref(), target_folder] {
        let Some(home) = config.and_then(Path::parent) else {
            continue;
        };
        let file = home.join("data/priv_validator_state.json");
        if file.try_exists().map_err(|e| unseen(&file, &e))? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

fn unseen(file: &Path, error: &io::Error) -> Failure {
    Failure::new(format!(
        "cannot see whether {} exists: {error}. It says what the node signed last: run this as a \
         user who may read it, or give a copy with --state",
        file.display()
    ))
}

fn tell_mark(args: &ImportArgs, mark: Option<&Found>, out: &mut dyn Write) -> Outcome {
    let text = match mark {
        None => without_mark(&mark_path(&args.destination)),
        Some(found) => with_mark(found),
    };
    Ok(writeln!(out, "{text}")?)
}

fn with_mark(found: &Found) -> String {
    let file = found.file.display();
    match &found.knowledge {
        Knowledge::Mark(mark) => format!(
            "Imported the node's last signature, h/r/s {}, from {file}: the signer starts after it",
            mark.hrs()
        ),
        _ => format!(
            "{file} says that nothing was signed yet: a chain at height 1 is signed at once; on \
             any other the signer lets the heights of its first 30 s pass before it signs"
        ),
    }
}

fn without_mark(kept: &Path) -> String {
    if kept.exists() {
        let kept = kept.display();
        return format!(
            "Found no priv_validator_state.json of the node; {kept} of an earlier import stays in \
             force"
        );
    }
    format!("Found no priv_validator_state.json of the node: {WITHOUT_MARK}")
}

const WITHOUT_MARK: &str = "the signer lets the heights of its first 30 s pass before it signs. If the \
                            node has signed with this key, stop it and import again with --state \
                            FILE --force";

fn tell_next(args: &ImportArgs, out: &mut dyn Write) -> Outcome {
    // A base64 key comes from another signer, not from a node.
    if is_stdin(&args.source) || args.format == Format::Base64 {
        return Ok(());
    }
    Ok(writeln!(
        out,
        "Next: set priv_validator_laddr in the node's config.toml, and move {} off the node",
        args.source.display()
    )?)
}
