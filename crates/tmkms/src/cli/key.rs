//! `tmkms key show`.

use std::io::Write;

use keys::{
    Algorithm, FilePermissions, KeyFileError, KeyFormat, KeyMaterial, KeyOptions, read_key,
    show as forms,
};

use super::Outcome;
use super::args::{Format, ShowArgs};
use crate::config::Network;

/// Prints the public key in every form that a person or a command may want.
pub(super) fn show(args: &ShowArgs, out: &mut dyn Write) -> Outcome {
    let network: Network = args.network.parse()?;
    let key = read(args)?.public_key();
    let prefix = network.consensus_key_prefix();
    writeln!(out, "type:        {}", forms::algorithm(&key))?;
    writeln!(out, "address:     {}", forms::address_hex(&key))?;
    // `kiravalconspub` of keys goes with `kiravalcons` of addresses.
    if let Some(prefix) = prefix.strip_suffix("pub") {
        writeln!(out, "             {}", forms::address_bech32(&key, prefix)?)?;
    }
    writeln!(out, "public key:  {}", forms::base64(&key))?;
    writeln!(out, "             {}", forms::hex(&key))?;
    writeln!(out, "             {}", forms::bech32(&key, prefix)?)?;
    writeln!(out, "--pubkey:    {}", forms::cosmos_json(&key))?;
    Ok(())
}

fn read(args: &ShowArgs) -> Result<KeyMaterial, KeyFileError> {
    let with = |format| {
        read_key(
            &args.file,
            &KeyOptions {
                format,
                algorithm: args.secp256k1.then_some(Algorithm::Secp256k1),
                public_key: None,
                permissions: permissions(args.allow_insecure_permissions),
            },
        )
    };
    match args.format {
        Some(Format::Json) => with(KeyFormat::Json),
        Some(Format::Base64) => with(KeyFormat::Base64),
        // Nothing is signed with it here, so trying the one and then the other is safe.
        None => with(KeyFormat::Base64).or_else(|first| with(KeyFormat::Json).map_err(|_| first)),
    }
}

/// What `--allow-insecure-permissions` means.
pub(super) fn permissions(allow_insecure: bool) -> FilePermissions {
    if allow_insecure {
        FilePermissions::AllowInsecure
    } else {
        FilePermissions::RequirePrivate
    }
}
