//! `tmkms softsign keygen`, `tmkms softsign import`, `tmkms identity new`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use guard::Knowledge;
use keys::{
    Algorithm, FilePermissions, KeyFormat, KeyMaterial, KeyOptions, Origin, Overwrite, Purpose,
    generate, generate_identity, parse_key, read_key, read_secret_stream, write_identity,
    write_key,
};
use store::Document;

use super::args::{Format, IdentityArgs, ImportArgs, KeyType, KeygenArgs};
use super::{Failure, Outcome, cannot};
use crate::signer::{mark_path, read_mark, write_mark};

/// Makes a key.
pub(super) fn keygen(args: &KeygenArgs, out: &mut dyn Write) -> Outcome {
    let (algorithm, what) = match args.key_type {
        KeyType::SecretConnection => return make_identity(&args.file, args.force, out),
        KeyType::Consensus => (Algorithm::Ed25519, "consensus (Ed25519)"),
        KeyType::ConsensusSecp256k1 => (Algorithm::Secp256k1, "consensus (secp256k1)"),
        KeyType::Account => (Algorithm::Secp256k1, "account (secp256k1)"),
    };
    write_key(&args.file, &generate(algorithm)?, overwrite(args.force))?;
    let file = args.file.display();
    Ok(writeln!(out, "Generated {what} private key at: {file}")?)
}

/// Makes a connection key.
pub(super) fn identity(args: &IdentityArgs, out: &mut dyn Write) -> Outcome {
    make_identity(&args.file, args.force, out)
}

fn make_identity(file: &Path, force: bool, out: &mut dyn Write) -> Outcome {
    write_identity(file, &*generate_identity()?, overwrite(force))?;
    let file = file.display();
    Ok(writeln!(out, "Generated Secret Connection key: {file}")?)
}

/// Takes over a node's key and what it signed last.
///
/// The mark is written before the key, so that a crash between the two never leaves a key that
/// has forgotten its past.
pub(super) fn import(args: &ImportArgs, out: &mut dyn Write) -> Outcome {
    let key = read_source(args)?;
    let mark = find_mark(args)?;
    if !args.force && args.destination.exists() {
        // Says so before anything is written; `write_key` decides.
        write_key(&args.destination, &key, Overwrite::Refuse)?;
    }
    if let Some(mark) = &mark {
        let path = mark_path(&args.destination);
        if path.exists() && !args.force {
            return Err(Failure(format!(
                "{} exists: it says what was signed with an earlier key of this name. Move it \
                 away if that key is gone, or overwrite it with --force",
                path.display()
            )));
        }
        write_mark(&args.destination, &mark.text).map_err(|e| cannot("write", &path, &e))?;
    }
    write_key(&args.destination, &key, overwrite(args.force))?;
    let name = keys::show::algorithm(&key.public_key());
    let file = args.destination.display();
    writeln!(out, "Imported {name} private key to {file}")?;
    tell_mark(args, mark.as_ref(), out)
}

fn read_source(args: &ImportArgs) -> Result<KeyMaterial, Failure> {
    let options = KeyOptions {
        format: match args.format {
            Format::Json => KeyFormat::Json,
            Format::Base64 => KeyFormat::Base64,
        },
        algorithm: None,
        public_key: None,
        // The node's file is the node's affair; the copy gets 0600.
        permissions: FilePermissions::AllowInsecure,
    };
    if is_stdin(&args.source) {
        let origin = Origin::StandardInput;
        let bytes = read_secret_stream(&mut std::io::stdin(), Purpose::Consensus)?;
        return Ok(parse_key(&bytes, &origin, &options)?);
    }
    Ok(read_key(&args.source, &options)?)
}

/// The node's own mark.
struct Found {
    file: PathBuf,
    knowledge: Knowledge,
    text: Vec<u8>,
}

fn find_mark(args: &ImportArgs) -> Result<Option<Found>, Failure> {
    let file = match &args.state {
        Some(file) => file.clone(),
        None => match beside(&args.source) {
            Some(file) if file.exists() => file,
            _ => return Ok(None),
        },
    };
    let document = read_mark(&file)?;
    let chain_id = match (&document.chain_id, &args.chain_id) {
        (Some(found), Some(expected)) if found != expected => {
            return Err(Failure(format!(
                "{} is of chain {found}, not of {expected}",
                file.display()
            )));
        }
        (found, expected) => found.as_ref().or(expected.as_ref()),
    };
    let nothing_signed = match &document.knowledge {
        Knowledge::Mark(mark) => mark.hrs().height.value() == 0,
        _ => true,
    };
    // A node's own file says more than ours can when nothing was signed: see `store::Document`.
    let text = match chain_id {
        Some(id) if !nothing_signed => Document::to_json(id, &document.knowledge).into_bytes(),
        _ => fs::read(&file).map_err(|e| cannot("read", &file, &e))?,
    };
    Ok(Some(Found {
        file,
        knowledge: document.knowledge,
        text,
    }))
}

/// `config/priv_validator_key.json` has its state in `data/priv_validator_state.json`.
fn beside(key: &Path) -> Option<PathBuf> {
    if is_stdin(key) {
        return None;
    }
    let config = fs::canonicalize(key).ok()?.parent()?.to_owned();
    Some(config.parent()?.join("data/priv_validator_state.json"))
}

fn tell_mark(args: &ImportArgs, mark: Option<&Found>, out: &mut dyn Write) -> Outcome {
    match mark {
        Some(Found {
            file,
            knowledge: Knowledge::Mark(mark),
            ..
        }) => writeln!(
            out,
            "Imported the node's last signature, h/r/s {}, from {}: the signer starts after it",
            mark.hrs(),
            file.display()
        )?,
        _ => writeln!(
            out,
            "Found no priv_validator_state.json of the node: without it the signer lets the \
             height in progress pass before it signs. If the node has signed with this key, stop \
             it and import again with --state FILE --force"
        )?,
    }
    if !is_stdin(&args.source) {
        writeln!(
            out,
            "Next: set priv_validator_laddr in the node's config.toml, and move {} off the node",
            args.source.display()
        )?;
    }
    Ok(())
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn overwrite(force: bool) -> Overwrite {
    if force {
        Overwrite::Force
    } else {
        Overwrite::Refuse
    }
}
