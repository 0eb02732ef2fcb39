//! `tmkms state show`, `tmkms state import`, `tmkms state export`.

use std::io::Write;
use std::path::PathBuf;

use guard::{Knowledge, Mark};
use privval::{ChainId, Height};
use store::{Document, FileStore, inspect, ring_path};

use super::args::{StateArgs, StateImportArgs};
use super::{Failure, Outcome, config};
use crate::config::{Chain, Config, Softsign};
use crate::signer::{floor, mark_path, read_mark, whole_height};

/// Prints what was signed last. May run beside the signer.
pub(super) fn show(args: &StateArgs, out: &mut dyn Write) -> Outcome {
    let config = config::load(&args.config.path)?;
    let chain = chain(&config, args.chain_id.as_ref())?;
    let file = &chain.state_file.value;
    let known = known(&config, chain)?;
    writeln!(out, "chain:       {}", chain.id)?;
    writeln!(
        out,
        "files:       {} and {}",
        file.display(),
        ring_path(file).display()
    )?;
    let Some(known) = known else {
        return Ok(writeln!(out, "last signed: nothing is known")?);
    };
    show_mark(&known.mark, out)?;
    if let Some(file) = &known.beside_key {
        let file = file.display();
        writeln!(
            out,
            "from:        {file}, which the signer takes over when it starts"
        )?;
    }
    Ok(())
}

fn show_mark(mark: &Mark, out: &mut dyn Write) -> Outcome {
    writeln!(out, "last signed: {}", place(mark))?;
    let block = match (mark.block_id(), mark.signed()) {
        (Some(id), _) => hex_upper(&id.hash),
        (None, Some(_)) => "nil".to_owned(),
        (None, None) => "not known".to_owned(),
    };
    writeln!(out, "block:       {block}")?;
    let repeat = match mark.signed() {
        Some(_) => "a repeated request gets the same signature",
        None => "a repeated request is refused (the mark was imported without its content)",
    };
    writeln!(out, "repeats:     {repeat}")?;
    Ok(())
}

/// The mark that the signer would start from.
pub(super) struct Known {
    pub(super) mark: Mark,
    /// The file that it is in, when that is the mark beside the key.
    beside_key: Option<PathBuf>,
}

/// The state, or what the node had signed before its key was imported if that is later: as
/// `start` finds it.
pub(super) fn known(config: &Config, chain: &Chain) -> Result<Option<Known>, Failure> {
    let state = match inspect(&chain.state_file.value, &chain.id)? {
        Some(Knowledge::Mark(mark)) => Some(mark),
        _ => None,
    };
    match beside_key(config, chain)? {
        Some((mark, file)) if state.as_ref().is_none_or(|s| mark.hrs() > s.hrs()) => {
            Ok(Some(Known {
                mark,
                beside_key: Some(file),
            }))
        }
        _ => Ok(state.map(|mark| Known {
            mark,
            beside_key: None,
        })),
    }
}

fn beside_key(config: &Config, chain: &Chain) -> Result<Option<(Mark, PathBuf)>, Failure> {
    let Some(key) = config.key(&chain.id) else {
        return Ok(None);
    };
    let mark = floor(&key.path.value, &chain.id)?;
    Ok(mark.map(|mark| (mark, mark_path(&key.path.value))))
}

/// Prints what was signed last in the form of tmkms. May run beside the signer.
pub(super) fn export(args: &StateArgs, out: &mut dyn Write) -> Outcome {
    let config = config::load(&args.config.path)?;
    let chain = chain(&config, args.chain_id.as_ref())?;
    let Some(known) = known(&config, chain)? else {
        return Err(Failure::new(format!(
            "nothing is known of chain {}: there is nothing to export",
            chain.id
        )));
    };
    let json = Document::to_json(&chain.id, &Knowledge::Mark(known.mark));
    Ok(writeln!(out, "{json}")?)
}

/// Raises the mark. Needs the signer to be stopped, because both would write.
pub(super) fn import(args: &StateImportArgs, out: &mut dyn Write) -> Outcome {
    let config = config::load(&args.config.path)?;
    let chain = chain(&config, args.chain_id.as_ref())?;
    let mark = wanted(args, &chain.id)?;
    if let Some((before_import, _)) = beside_key(&config, chain)? {
        check_higher(&chain.id, &before_import, &mark)?;
    }
    let mut opened = FileStore::open(&chain.state_file.value, &chain.id)?;
    for note in &opened.notes {
        writeln!(out, "note: {note}")?;
    }
    if let Knowledge::Mark(current) = &opened.knowledge {
        check_higher(&chain.id, current, &mark)?;
        if mark.hrs() == current.hrs() {
            return Ok(writeln!(out, "The state is at {} already", place(&mark))?);
        }
    }
    opened.store.raise(&mark)?;
    tell(&chain.id, &mark, out)
}

fn check_higher(chain_id: &ChainId, current: &Mark, wanted: &Mark) -> Outcome {
    if wanted.hrs() < current.hrs() {
        return Err(Failure::new(format!(
            "the state of chain {chain_id} is at {}, the import at {}: a mark is never lowered, \
             because what was signed since could be signed again",
            place(current),
            place(wanted)
        )));
    }
    match (current.block_id(), wanted.block_id()) {
        (Some(ours), Some(theirs)) if wanted.hrs() == current.hrs() && ours != theirs => {
            Err(Failure::new(format!(
                "the state of chain {chain_id} and the import disagree about what was signed at \
                 {}: {} against {}. Two signers have used this key: find out which before either \
                 signs again",
                current.hrs(),
                ours.prefix(),
                theirs.prefix()
            )))
        }
        _ => Ok(()),
    }
}

fn tell(chain_id: &ChainId, mark: &Mark, out: &mut dyn Write) -> Outcome {
    Ok(writeln!(
        out,
        "Chain {chain_id} was signed up to {}: the signer starts after it",
        place(mark)
    )?)
}

fn wanted(args: &StateImportArgs, chain_id: &ChainId) -> Result<Mark, Failure> {
    let Some(source) = &args.source else {
        let height = Height::try_from(args.height.unwrap_or_default())?;
        return Ok(whole_height(height));
    };
    let document = read_mark(source)?;
    if let Some(found) = document.chain_id.filter(|found| found != chain_id) {
        return Err(Failure::new(format!(
            "{} is of chain {found}, not of {chain_id}",
            source.display()
        )));
    }
    match document.knowledge {
        Knowledge::Mark(mark) => Ok(mark),
        _ => Err(Failure::new(format!(
            "{} says that nothing is known: there is nothing to import",
            source.display()
        ))),
    }
}

/// The chain that is meant.
pub(super) fn chain<'a>(config: &'a Config, id: Option<&ChainId>) -> Result<&'a Chain, Failure> {
    let names = || {
        let ids: Vec<String> = config.chains.iter().map(|c| c.id.to_string()).collect();
        ids.join(", ")
    };
    match (id, config.chains.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => Err(Failure::new(format!(
            "which chain? Give --chain-id, one of: {}",
            names()
        ))),
        (Some(id), _) => config.chain(id).ok_or_else(|| {
            Failure::new(format!(
                "chain {id} is not in {}; there are: {}",
                config.file.display(),
                names()
            ))
        }),
    }
}

/// The key of the chain that is meant, as [`chain`] finds it.
pub(super) fn key<'a>(config: &'a Config, id: Option<&ChainId>) -> Result<&'a Softsign, Failure> {
    let chain = chain(config, id)?;
    config
        .key(&chain.id)
        .ok_or_else(|| Failure::new(format!("chain {} has no key", chain.id)))
}

/// Where a mark is. One that stands for a whole height is at a round that no chain reaches.
pub(super) fn place(mark: &Mark) -> String {
    let hrs = mark.hrs();
    if *mark == whole_height(hrs.height) {
        format!("the end of height {}", hrs.height)
    } else {
        format!("h/r/s {hrs}")
    }
}

fn hex_upper(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02X}")).collect()
}
