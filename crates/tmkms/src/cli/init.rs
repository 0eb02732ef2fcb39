//! `tmkms init`.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use keys::{Overwrite, generate_identity, write_identity};
use privval::ChainId;

use super::args::InitArgs;
use super::{Failure, Outcome, cannot};
use crate::config::{Address, Network, Template};

/// Makes the directory that the guide describes: tmkms.toml, secrets/, state/.
pub(super) fn run(args: &InitArgs, out: &mut dyn Write) -> Outcome {
    let templates = templates(args)?;
    let home = &args.directory;
    let config = home.join("tmkms.toml");
    if config.exists() && !args.force {
        return Err(Failure(format!(
            "{} exists and is kept: choose another directory, or overwrite it with --force",
            config.display()
        )));
    }
    for directory in ["secrets", "state"] {
        let path = home.join(directory);
        fs::create_dir_all(&path).map_err(|e| cannot("create", &path, &e))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))
            .map_err(|e| cannot("close to others", &path, &e))?;
    }
    make_identity(home, args.force, out)?;
    let text: Vec<String> = templates.iter().map(Template::render).collect();
    fs::write(&config, text.join("\n")).map_err(|e| cannot("write", &config, &e))?;
    writeln!(out, "Generated KMS configuration: {}", config.display())?;
    tell_next(home, &templates, out)
}

/// An identity that exists is kept: other nodes may know it.
fn make_identity(home: &Path, force: bool, out: &mut dyn Write) -> Outcome {
    let path = home.join(Template::IDENTITY_FILE);
    if path.exists() && !force {
        writeln!(out, "Kept Secret Connection key: {}", path.display())?;
        return Ok(());
    }
    let overwrite = if force {
        Overwrite::Force
    } else {
        Overwrite::Refuse
    };
    write_identity(&path, &*generate_identity()?, overwrite)?;
    writeln!(out, "Generated Secret Connection key: {}", path.display())?;
    Ok(())
}

fn templates(args: &InitArgs) -> Result<Vec<Template>, Failure> {
    let mut networks = Vec::new();
    for name in &args.networks {
        networks.push(Some(name.parse::<Network>()?));
    }
    if networks.is_empty() {
        // As tmkms, unless the chain id says that it is about another chain.
        networks.push(args.chain_id.is_none().then_some(Network::CosmosHub));
    }
    if networks.len() > 1 && (args.chain_id.is_some() || args.addr.is_some()) {
        return Err(Failure(
            "--chain-id and --addr are for one network: give one name with -n".to_owned(),
        ));
    }
    networks
        .into_iter()
        .map(|network| template(network, args))
        .collect()
}

fn template(network: Option<Network>, args: &InitArgs) -> Result<Template, Failure> {
    let default_id = network.map_or("", Network::default_chain_id);
    let default_addr = network.map_or(Template::DEFAULT_ADDR, Network::default_addr);
    let addr = args.addr.as_deref().unwrap_or(default_addr);
    addr.parse::<Address>()
        .map_err(|e| Failure(format!("--addr {addr}: {e}; {}", e.help())))?;
    Ok(Template {
        network,
        chain_id: match &args.chain_id {
            Some(id) => id.clone(),
            None => ChainId::new(default_id)?,
        },
        addr: addr.to_owned(),
    })
}

fn tell_next(home: &Path, templates: &[Template], out: &mut dyn Write) -> Outcome {
    let home = home.display();
    writeln!(out, "Next:")?;
    for template in templates {
        let key = template.key_file();
        writeln!(
            out,
            "  tmkms softsign import NODE_HOME/config/priv_validator_key.json {home}/{key}"
        )?;
    }
    writeln!(out, "  tmkms config check -c {home}/tmkms.toml")?;
    writeln!(out, "  tmkms start -c {home}/tmkms.toml")?;
    Ok(())
}
