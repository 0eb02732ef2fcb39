//! `tmkms softsign keygen`, `tmkms identity new`.

use std::io::Write;
use std::path::Path;

use keys::{Algorithm, Overwrite, generate, generate_identity, write_identity, write_key};

use super::Outcome;
use super::args::{IdentityArgs, KeyType, KeygenArgs};

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
    writeln!(out, "Generated {what} private key at: {file}")?;
    if args.key_type == KeyType::ConsensusSecp256k1 {
        tell_algorithm(algorithm, out)?;
    }
    Ok(())
}

/// A base64 file does not say what it is a key for, and would be read as Ed25519.
pub(super) fn tell_algorithm(algorithm: Algorithm, out: &mut dyn Write) -> Outcome {
    if algorithm == Algorithm::Secp256k1 {
        writeln!(
            out,
            "Next: write algorithm = \"secp256k1\" into the key's [[providers.softsign]] in \
             tmkms.toml, because the file does not say it"
        )?;
    }
    Ok(())
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

/// What `--force` means.
pub(super) fn overwrite(force: bool) -> Overwrite {
    if force {
        Overwrite::Force
    } else {
        Overwrite::Refuse
    }
}
