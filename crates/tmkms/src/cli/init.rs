//! `tmkms init`.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use keys::{Overwrite, generate_identity, give_to_owner, write_identity};
use privval::ChainId;

use super::args::InitArgs;
use super::failure::quoted;
use super::{Failure, Outcome, cannot};
use crate::config::{Network, Template};

/// Makes the directory that the guide describes: tmkms.toml, secrets/, state/.
pub(super) fn run(args: &InitArgs, out: &mut dyn Write) -> Outcome {
    let templates = templates(args)?;
    let home = &args.directory;
    let config = home.join("tmkms.toml");
    check_free(&config, args.force)?;
    fs::create_dir_all(home).map_err(|e| cannot_create(home, &e))?;
    give(home)?;
    for directory in ["secrets", "state"] {
        make_private(&home.join(directory))?;
    }
    make_identity(home, out)?;
    let text: Vec<String> = templates.iter().map(Template::render).collect();
    write(&config, &text.join("\n"), args.force).map_err(|e| cannot("write", &config, &e))?;
    give(&config)?;
    writeln!(out, "Generated KMS configuration: {}", config.display())?;
    tell_next(home, &templates, out)
}

/// Before anything is made.
fn check_free(config: &Path, force: bool) -> Outcome {
    if config.is_dir() {
        return Err(Failure::new(format!(
            "{} is a directory, but a file is to be written. Docker makes a directory where the \
             source of a mount is missing: stop the container, run `rmdir {}`, and try again",
            config.display(),
            quoted(config)
        )));
    }
    if fs::symlink_metadata(config).is_ok() && !force {
        return Err(Failure::new(format!(
            "{} exists and is kept: choose another directory, or overwrite it with --force",
            config.display()
        )));
    }
    Ok(())
}

/// Makes a directory that is closed to others from the start. One that exists is its owner's
/// affair: the files in it are closed anyway.
fn make_private(directory: &Path) -> Outcome {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists && directory.is_dir() => Ok(()),
        made => {
            made.map_err(|e| cannot_create(directory, &e))?;
            give(directory)
        }
    }
}

/// See [`give_to_owner`].
fn give(made: &Path) -> Outcome {
    let above = match made.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    };
    let given = File::open(above).and_then(|above| give_to_owner(&above, &File::open(made)?));
    given.map_err(|e| cannot("give to the owner of its directory", made, &e))
}

fn cannot_create(directory: &Path, error: &io::Error) -> Failure {
    let above = directory.parent().filter(|p| !p.as_os_str().is_empty());
    let above = above.unwrap_or(Path::new("."));
    match error.kind() {
        ErrorKind::PermissionDenied => {
            let uid = rustix::process::geteuid().as_raw();
            Failure::new(format!(
                "cannot create {}: uid {uid} may not write into {}. Run the command as the owner \
                 of that directory, or run `chown {uid} {}`",
                directory.display(),
                above.display(),
                quoted(above)
            ))
        }
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => Failure::new(format!(
            "cannot create {}: there is a file in its place. Choose another directory, or move \
             the file away",
            directory.display()
        )),
        _ => cannot("create", directory, error),
    }
}

/// An identity that exists is kept, whatever `--force` says: nodes may know it.
fn make_identity(home: &Path, out: &mut dyn Write) -> Outcome {
    let path = home.join(Template::IDENTITY_FILE);
    if path.exists() {
        writeln!(out, "Kept Secret Connection key: {}", path.display())?;
        return Ok(());
    }
    write_identity(&path, &*generate_identity()?, Overwrite::Refuse)?;
    writeln!(out, "Generated Secret Connection key: {}", path.display())?;
    Ok(())
}

fn write(config: &Path, text: &str, force: bool) -> io::Result<()> {
    let mut options = File::options();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    options.open(config)?.write_all(text.as_bytes())
}

fn templates(args: &InitArgs) -> Result<Vec<Template>, Failure> {
    let mut names = BTreeSet::new();
    if let Some(twice) = args.networks.iter().find(|n| !names.insert(n.name())) {
        return Err(Failure::Usage(format!("-n names {twice} twice")));
    }
    if args.networks.len() > 1 && (args.chain_id.is_some() || args.addr.is_some()) {
        return Err(Failure::Usage(
            "--chain-id and --addr are for one network: give one name with -n".to_owned(),
        ));
    }
    if args.networks.is_empty() {
        // As tmkms, unless the chain id says that it is about another chain.
        let network = args.chain_id.is_none().then_some(Network::CosmosHub);
        return Ok(vec![template(network, args)?]);
    }
    let networks = args.networks.iter().copied();
    networks.map(|n| template(Some(n), args)).collect()
}

fn template(network: Option<Network>, args: &InitArgs) -> Result<Template, Failure> {
    let default_id = network.map_or("", Network::default_chain_id);
    let default_addr = network.map_or(Template::DEFAULT_ADDR, Network::default_addr);
    Ok(Template {
        network,
        chain_id: match &args.chain_id {
            Some(id) => id.clone(),
            None => ChainId::new(default_id)?,
        },
        addr: args.addr.as_deref().unwrap_or(default_addr).to_owned(),
    })
}

fn tell_next(home: &Path, templates: &[Template], out: &mut dyn Write) -> Outcome {
    writeln!(out, "Next:")?;
    for template in templates {
        let key = home.join(template.key_file());
        writeln!(
            out,
            "  tmkms softsign import NODE_HOME/config/priv_validator_key.json {}",
            quoted(&key)
        )?;
    }
    let config = quoted(&home.join("tmkms.toml"));
    writeln!(out, "  tmkms config check -c {config}")?;
    writeln!(out, "  tmkms start -c {config}")?;
    Ok(())
}
