//! `tmkms state show`, `tmkms state import`, `tmkms state export`.

use std::io::Write;

use guard::{Knowledge, Mark};
use privval::{ChainId, Height, Hrs, Round, Step};
use store::{Document, FileStore, inspect, ring_path};

use super::args::{ConfigFile, StateArgs, StateImportArgs};
use super::{Failure, Outcome, config};
use crate::config::Chain;
use crate::signer::read_mark;

/// Prints what was signed last. May run beside the signer.
pub(super) fn show(args: &StateArgs, out: &mut dyn Write) -> Outcome {
    let chain = chain(&args.config, args.chain_id.as_ref())?;
    let file = &chain.state_file.value;
    let knowledge = inspect(file, &chain.id)?;
    writeln!(out, "chain:       {}", chain.id)?;
    writeln!(
        out,
        "files:       {} and {}",
        file.display(),
        ring_path(file).display()
    )?;
    match knowledge {
        Some(Knowledge::Mark(mark)) => show_mark(&mark, out),
        _ => Ok(writeln!(out, "last signed: nothing is known")?),
    }
}

fn show_mark(mark: &Mark, out: &mut dyn Write) -> Outcome {
    writeln!(out, "last signed: h/r/s {}", mark.hrs())?;
    let block = mark
        .block_id()
        .map_or_else(|| "nil, or not known".to_owned(), |id| hex_upper(&id.hash));
    writeln!(out, "block:       {block}")?;
    let repeat = match mark.signed() {
        Some(_) => "a repeated request gets the same signature",
        None => "a repeated request is refused (the mark was imported without its content)",
    };
    writeln!(out, "repeats:     {repeat}")?;
    Ok(())
}

/// Prints what was signed last in the form of tmkms. May run beside the signer.
pub(super) fn export(args: &StateArgs, out: &mut dyn Write) -> Outcome {
    let chain = chain(&args.config, args.chain_id.as_ref())?;
    let knowledge = inspect(&chain.state_file.value, &chain.id)?;
    let Some(knowledge @ Knowledge::Mark(_)) = knowledge else {
        return Err(Failure(format!(
            "nothing is known of chain {}: there is nothing to export",
            chain.id
        )));
    };
    writeln!(out, "{}", Document::to_json(&chain.id, &knowledge))?;
    Ok(())
}

/// Raises the mark. Needs the signer to be stopped, because both would write.
pub(super) fn import(args: &StateImportArgs, out: &mut dyn Write) -> Outcome {
    let chain = chain(&args.config, args.chain_id.as_ref())?;
    let mark = wanted(args, &chain.id)?;
    let mut opened = FileStore::open(&chain.state_file.value, &chain.id)?;
    for note in &opened.notes {
        writeln!(out, "note: {note}")?;
    }
    if let Knowledge::Mark(current) = &opened.knowledge {
        if mark.hrs() < current.hrs() {
            return Err(Failure(format!(
                "the state of chain {} is at {}, the import at {}: a mark is never lowered, \
                 because what was signed since could be signed again",
                chain.id,
                current.hrs(),
                mark.hrs()
            )));
        }
        if mark.hrs() == current.hrs() {
            writeln!(out, "The state is at {} already", current.hrs())?;
            return Ok(());
        }
    }
    opened.store.raise(&mark)?;
    writeln!(
        out,
        "Chain {} was signed up to h/r/s {}: the signer starts after it",
        chain.id,
        mark.hrs()
    )?;
    Ok(())
}

fn wanted(args: &StateImportArgs, chain_id: &ChainId) -> Result<Mark, Failure> {
    let Some(source) = &args.source else {
        return Ok(Mark::Floor {
            hrs: Hrs {
                height: Height::try_from(args.height.unwrap_or_default())?,
                round: Round::default(),
                step: Step::Precommit,
            },
            block_id: None,
        });
    };
    let document = read_mark(source)?;
    if let Some(found) = document.chain_id.filter(|found| found != chain_id) {
        return Err(Failure(format!(
            "{} is of chain {found}, not of {chain_id}",
            source.display()
        )));
    }
    match document.knowledge {
        Knowledge::Mark(mark) => Ok(mark),
        _ => Err(Failure(format!(
            "{} says that nothing is known: there is nothing to import",
            source.display()
        ))),
    }
}

/// The chain that is meant.
fn chain(file: &ConfigFile, id: Option<&ChainId>) -> Result<Chain, Failure> {
    let config = config::load(&file.path)?;
    let names = || {
        let ids: Vec<String> = config.chains.iter().map(|c| c.id.to_string()).collect();
        ids.join(", ")
    };
    match (id, config.chains.as_slice()) {
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(Failure(format!(
            "which chain? Give --chain-id, one of: {}",
            names()
        ))),
        (Some(id), _) => config.chain(id).cloned().ok_or_else(|| {
            Failure(format!(
                "chain {id} is not in {}; there are: {}",
                config.file.display(),
                names()
            ))
        }),
    }
}

fn hex_upper(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02X}")).collect()
}
