//! `tmkms key encrypt`, `tmkms key decrypt`.

use std::io::Write;

use keys::{Replaced, decrypt_file, encrypt_file};

use super::Outcome;
use super::args::SealArgs;
use super::key::permissions;

/// Encrypts a key file in place.
pub(super) fn encrypt(args: &SealArgs, out: &mut dyn Write) -> Outcome {
    let permissions = permissions(args.allow_insecure_permissions);
    let (source, file) = (args.passphrase.source(), args.file.display());
    let replaced = encrypt_file(&args.file, permissions, &mut || {
        source.read_new(&file.to_string(), permissions)
    })?;
    writeln!(
        out,
        "Encrypted {file}. It was read back and opened before the file in the clear was replaced"
    )?;
    tell_names(replaced, out)?;
    writeln!(
        out,
        "What the file in the clear held may still be on an SSD, in a snapshot or in a backup: a \
         disk that is to be given away has to be destroyed"
    )?;
    Ok(writeln!(
        out,
        "Next: say in tmkms.toml where the passphrase is (passphrase_file, passphrase_fd or \
         passphrase_credential), and make a backup with `tmkms key backup`: without the \
         passphrase the key is lost"
    )?)
}

fn tell_names(replaced: Replaced, out: &mut dyn Write) -> Outcome {
    if replaced.other_names > 0 {
        writeln!(
            out,
            "{} other name(s) (hard links) still lead to the file in the clear",
            replaced.other_names
        )?;
    }
    Ok(())
}

/// Turns an encrypted key file back into one in the clear.
pub(super) fn decrypt(args: &SealArgs, out: &mut dyn Write) -> Outcome {
    let permissions = permissions(args.allow_insecure_permissions);
    let (source, file) = (args.passphrase.source(), args.file.display());
    decrypt_file(&args.file, permissions, &mut || {
        source.read(&file.to_string(), permissions)
    })?;
    Ok(writeln!(
        out,
        "Decrypted {file}: whoever can read this file has the key now"
    )?)
}
