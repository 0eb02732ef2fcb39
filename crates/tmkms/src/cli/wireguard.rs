//! `tmkms wireguard genkey | pubkey | genpsk | pair`; `show` stands beside it.

use std::fs;
use std::io::{self, Read as _, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use keys::{Overwrite, WriteError, write_secret_file};
use tunnel::{Endpoint, Interface, Peer, PresharedKey, PrivateKey, PublicKey, Spec};
use zeroize::Zeroizing;

use super::args_tunnel::{PairArgs, WireguardCommand};
use super::failure::quoted;
use super::{Failure, Outcome, wireguard_show};

/// Seconds between packets that keep the signer's NAT open, as the guide has it.
const KEEPALIVE_S: u16 = 25;

/// A key in base64 with the white space around it, and far more.
const MAX_INPUT: u64 = 1024;

/// Runs a command.
pub(super) fn run(command: &WireguardCommand, out: &mut dyn Write) -> Outcome {
    match command {
        WireguardCommand::Genkey => print_secret(&PrivateKey::generate()?.to_base64_secret(), out),
        WireguardCommand::Genpsk => {
            print_secret(&PresharedKey::generate()?.to_base64_secret(), out)
        }
        WireguardCommand::Pubkey => pubkey(out),
        WireguardCommand::Pair(args) => pair(args, out),
        WireguardCommand::Show(args) => wireguard_show::run(args, out),
    }
}

/// As wg(8), with a warning where the shell made a file that others can read.
fn print_secret(text: &str, out: &mut dyn Write) -> Outcome {
    let open = fs::metadata("/dev/stdout").is_ok_and(|to| to.is_file() && to.mode() & 0o077 != 0);
    if open {
        // Without a standard error there is nobody to warn.
        let _ = writeln!(
            io::stderr(),
            "warning: others on this machine may read the file that this key is written to. Run \
             `umask 077` first, then make a new key"
        );
    }
    Ok(writeln!(out, "{text}")?)
}

fn pubkey(out: &mut dyn Write) -> Outcome {
    // Read in one piece into a buffer that is large enough, so that no copy is left behind.
    let mut text = Zeroizing::new(String::with_capacity(2 * 1024));
    let read = io::stdin().take(MAX_INPUT).read_to_string(&mut text);
    let key = match read {
        Ok(_) => PrivateKey::from_base64(text.trim()).map_err(|error| error.to_string()),
        Err(error) => Err(format!("it cannot be read: {error}")),
    };
    let key = key.map_err(|error| {
        Failure::new(format!(
            "standard input is no private key: {error}. Run `tmkms wireguard pubkey < FILE` with \
             what `tmkms wireguard genkey` printed"
        ))
    })?;
    Ok(writeln!(out, "{}", key.public_key())?)
}

/// One machine of a pair.
struct End<'a> {
    who: &'static str,
    file: &'a Path,
    address: IpNet,
    key: PrivateKey,
}

impl End<'_> {
    fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    /// The other end's file says of this one.
    fn as_peer(&self, preshared: &PresharedKey, endpoint: Option<Endpoint>) -> Peer {
        Peer {
            public_key: self.public_key(),
            preshared_key: Some(preshared.clone()),
            allowed_ips: vec![self.address],
            persistent_keepalive_s: endpoint.as_ref().and(KEEPALIVE_S.try_into().ok()),
            endpoint,
        }
    }

    fn spec(&self, args: &PairArgs, listen_port: Option<u16>, peer: Peer) -> Spec {
        Spec {
            interface: Interface {
                private_key: self.key.clone(),
                addresses: vec![self.address],
                listen_port,
                mtu: args.mtu,
            },
            peers: vec![peer],
        }
    }
}

fn pair(args: &PairArgs, out: &mut dyn Write) -> Outcome {
    check(args)?;
    let signer = End {
        who: "signer",
        file: &args.signer,
        address: IpNet::from(args.signer_address),
        key: PrivateKey::generate()?,
    };
    let validator = End {
        who: "validator",
        file: &args.validator,
        address: IpNet::from(args.validator_address),
        key: PrivateKey::generate()?,
    };
    let preshared = PresharedKey::generate()?;
    let port = args.listen_port.unwrap_or(args.endpoint.port);
    let to_validator = validator.as_peer(&preshared, Some(args.endpoint.clone()));
    let to_signer = signer.as_peer(&preshared, None);
    write_both([
        (signer.file, &signer.spec(args, None, to_validator)),
        (validator.file, &validator.spec(args, Some(port), to_signer)),
    ])?;
    for end in [&signer, &validator] {
        writeln!(
            out,
            "Wrote {} for the {}: {}, public key {}",
            end.file.display(),
            end.who,
            end.address.addr(),
            end.public_key()
        )?;
    }
    tell_next(args, port, out)
}

fn check(args: &PairArgs) -> Outcome {
    if args.signer_address == args.validator_address {
        return Err(Failure::Usage(format!(
            "both machines would have the address {}: give them two",
            args.signer_address
        )));
    }
    if args.signer_address.is_ipv4() != args.validator_address.is_ipv4() {
        return Err(Failure::Usage(
            "one address is IPv4 and the other IPv6: give two of one family".to_owned(),
        ));
    }
    if args.signer == args.validator {
        return Err(Failure::Usage(format!(
            "both files would be {}: give them two names",
            args.signer.display()
        )));
    }
    Ok(())
}

/// Both files or none. A file that is there stays what it is.
fn write_both(files: [(&Path, &Spec); 2]) -> Outcome {
    for (file, _) in files {
        if fs::symlink_metadata(file).is_ok() {
            return Err(Failure::new(kept(file)));
        }
    }
    let mut written: Vec<PathBuf> = Vec::new();
    for (file, spec) in files {
        let text = spec.to_conf_secret();
        if let Err(error) = write_secret_file(file, text.as_bytes(), Overwrite::Refuse) {
            return Err(taken_back(&written, file, &error));
        }
        written.push(file.to_owned());
    }
    Ok(())
}

/// One half alone is of no use, and nobody has used it yet.
fn taken_back(written: &[PathBuf], file: &Path, error: &WriteError) -> Failure {
    let mut texts = vec![match error {
        WriteError::Exists { .. } => kept(file),
        other => other.to_string(),
    }];
    for half in written {
        if let Err(error) = fs::remove_file(half) {
            texts.push(format!(
                "{} is one half of a pair and could not be removed: {error}. Remove it",
                half.display()
            ));
        }
    }
    Failure::Errors(texts)
}

fn kept(file: &Path) -> String {
    format!(
        "{} exists and is kept, and nothing was written: a tunnel may be using its keys. Move it \
         away, or name another file with --signer or --validator",
        file.display()
    )
}

fn tell_next(args: &PairArgs, port: u16, out: &mut dyn Write) -> Outcome {
    let validator = quoted(&args.validator);
    let node = match args.validator_address.is_ipv6() {
        true => format!("[{}]", args.validator_address),
        false => args.validator_address.to_string(),
    };
    writeln!(
        out,
        "Next, the validator's machine:
  scp -p {validator} VALIDATOR:wg0.conf && rm {validator}
  there: let UDP port {port} in, and run, where it can reach the node,
  tmkms gateway --wireguard wg0.conf
and the signer's:"
    )?;
    let home = home_of(&args.signer);
    if home.is_none() {
        writeln!(out, "  mv -n {} DIR/wg0.conf", quoted(&args.signer))?;
    }
    let config = quoted(&home.unwrap_or(Path::new("DIR")).join("tmkms.toml"));
    writeln!(
        out,
        "  printf '[wireguard]\\nconfig = \"wg0.conf\"\\n' >> {config}
  set addr = \"tcp://{node}:26659\" in {config}
  tmkms config check -c {config}
  tmkms start -c {config}"
    )?;
    Ok(())
}

/// The directory that the signer's file was made in, if it has its place there already.
fn home_of(signer: &Path) -> Option<&Path> {
    let named = signer.file_name()? == "wg0.conf";
    signer.parent().filter(|_| named)
}
