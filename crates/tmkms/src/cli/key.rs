//! `tmkms key show`.

use std::io::{self, Write};

use keys::{
    Algorithm, FilePermissions, KeyFileError, KeyFormat, KeyMaterial, KeyOptions, Origin, Purpose,
    likely_format, parse_key_with, read_secret_file, read_secret_stream, show as forms,
};

use super::args::{Format, ShowArgs};
use super::{Outcome, is_stdin};
use crate::config::Network;

/// Prints the public key in every form that a person or a command may want.
pub(super) fn show(args: &ShowArgs, out: &mut dyn Write) -> Outcome {
    let key = read(args)?.public_key();
    writeln!(out, "type:        {}", forms::algorithm(&key))?;
    writeln!(out, "address:     {}", forms::address_hex(&key))?;
    if let Some(prefix) = address_prefix(args.network) {
        writeln!(out, "             {}", forms::address_bech32(&key, prefix)?)?;
    }
    let prefix = args.network.consensus_key_prefix();
    writeln!(out, "public key:  {}", forms::base64(&key))?;
    writeln!(out, "             {}", forms::hex(&key))?;
    writeln!(out, "             {}", forms::bech32(&key, prefix)?)?;
    writeln!(out, "--pubkey:    {}", forms::cosmos_json(&key))?;
    Ok(())
}

/// `kiravalconspub` of keys goes with `kiravalcons` of addresses; IRISnet's `icp` with `ica`.
fn address_prefix(network: Network) -> Option<&'static str> {
    match network {
        Network::IrisHub => Some("ica"),
        other => other.consensus_key_prefix().strip_suffix("pub"),
    }
}

fn read(args: &ShowArgs) -> Result<KeyMaterial, KeyFileError> {
    let (content, origin) = if is_stdin(&args.file) {
        let content = read_secret_stream(&mut io::stdin(), Purpose::Consensus)?;
        (content, Origin::StandardInput)
    } else {
        let permissions = permissions(args.allow_insecure_permissions);
        let content = read_secret_file(&args.file, Purpose::Consensus, permissions)?;
        (content, Origin::from(args.file.as_path()))
    };
    let options = KeyOptions {
        format: args
            .format
            .map_or_else(|| likely_format(&content), KeyFormat::from),
        algorithm: args.secp256k1.then_some(Algorithm::Secp256k1),
        ..KeyOptions::default()
    };
    let permissions = permissions(args.allow_insecure_permissions);
    let source = args.passphrase.source();
    parse_key_with(
        &content,
        &origin,
        &options,
        args.format.is_none(),
        &mut || source.read(&args.file.display().to_string(), permissions),
    )
}

impl From<Format> for KeyFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Json => Self::Json,
            Format::Base64 => Self::Base64,
        }
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
