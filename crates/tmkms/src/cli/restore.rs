//! `tmkms key restore`: a key out of a backup, with what it had signed.
//!
//! Invariants
//! - What can be refused is refused before anything is written, and marks are written before the
//!   key.
//! - A mark is never lowered. Where there is no state, the mark goes beside the key, where the
//!   guard believes it for its own height and the next one only: the chain has gone on since.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use guard::{Knowledge, Mark};
use keys::{
    Algorithm, Backup, FilePermissions, KeyMaterial, Overwrite, Purpose, WriteError, check_code,
    from_words, read_secret_file, read_secret_stream, show as forms, write_key, write_secret_file,
};
use privval::{ChainId, PublicKey};
use store::{Document, FileStore};

use super::args::RestoreArgs;
use super::softsign::overwrite;
use super::state::{key, place};
use super::{Failure, Outcome, config};
use crate::config::{Chain, KeyEncoding, Softsign};
use crate::signer::{chain_mark_path, floor, mark_path};

/// What a backup holds.
struct Restored {
    key: KeyMaterial,
    date: String,
    marks: Vec<(ChainId, Option<Mark>)>,
}

/// Takes a key out of a backup.
pub(super) fn run(args: &RestoreArgs, out: &mut dyn Write) -> Outcome {
    let config = config::load(&args.config.path)?;
    let softsign = key(&config, args.chain_id.as_ref())?;
    check_free(softsign, overwrite(args.force))?;
    let restored = read(args, out)?;
    check_key(args, softsign, &restored.key.public_key())?;
    check_chains(softsign, &restored)?;
    writeln!(
        out,
        "public key:  {}",
        forms::base64(&restored.key.public_key())
    )?;
    for (id, mark) in &restored.marks {
        if let (Some(chain), Some(mark)) = (config.chain(id), mark) {
            restore_mark(softsign, chain, mark, out)?;
        }
    }
    let file = &softsign.path.value;
    write_key(file, &restored.key, overwrite(args.force))?;
    writeln!(out, "Restored the key to {}, in the clear", file.display())?;
    tell_next(&restored, out)
}

fn check_free(key: &Softsign, overwrite: Overwrite) -> Outcome {
    let path = key.path.value.clone();
    if key.encoding == KeyEncoding::Json {
        return Err(Failure::new(format!(
            "{}: the key would be written in base64, but key_format = \"json\" is set for {}. Take \
             key_format out",
            key.path.at,
            path.display()
        )));
    }
    match fs::symlink_metadata(&path) {
        Ok(_) if overwrite == Overwrite::Refuse => Err(WriteError::Exists { path }.into()),
        _ => Ok(()),
    }
}

fn read(args: &RestoreArgs, out: &mut dyn Write) -> Result<Restored, Failure> {
    let Some(file) = &args.file else {
        writeln!(
            out,
            "Type the 24 words, then each line that begins with `mark`; end with Ctrl-D on a line \
             of its own. What is typed can be seen"
        )?;
        out.flush()?;
        let typed = read_secret_stream(&mut io::stdin(), Purpose::Consensus)?;
        let text = std::str::from_utf8(&typed).map_err(|_| Failure::new("this is no text"))?;
        return typed_words(text);
    };
    // It is encrypted: that others may read it is what a backup is for.
    let permissions = FilePermissions::AllowInsecure;
    let content = read_secret_file(file, Purpose::Backup, permissions)?;
    if !keys::is_encrypted(&content) {
        return Err(Failure::new(format!(
            "{} is no backup that `tmkms key backup` made: it does not begin with BEGIN AGE \
             ENCRYPTED FILE",
            file.display()
        )));
    }
    let what = format!("the backup {}", file.display());
    let private = FilePermissions::RequirePrivate;
    let passphrase = args.passphrase.source().read(&what, private)?;
    let backup = Backup::unseal(&content, &passphrase)?;
    let marks = backup.chains.iter().map(|chain| {
        let id = ChainId::new(chain.chain_id.as_str())?;
        let mark = match &chain.state {
            Some(state) => match Document::parse(state.as_bytes())?.knowledge {
                Knowledge::Mark(mark) => Some(mark),
                _ => None,
            },
            None => None,
        };
        Ok::<_, Failure>((id, mark))
    });
    Ok(Restored {
        marks: marks.collect::<Result<_, _>>()?,
        key: backup.key,
        date: backup.date,
    })
}

/// The words, with or without the numbers before them, and the lines with marks.
fn typed_words(text: &str) -> Result<Restored, Failure> {
    let is_mark = |line: &&str| line.trim_start().starts_with("mark ");
    let is_number = |word: &str| {
        word.trim_end_matches('.')
            .chars()
            .all(|c| c.is_ascii_digit())
    };
    let words = text
        .lines()
        .filter(|line| !is_mark(line))
        .flat_map(str::split_whitespace);
    let key = from_words(words.filter(|word| !is_number(word)))?;
    let mut date = String::new();
    let mut marks = Vec::new();
    for line in text.lines().filter(is_mark) {
        let mark = typed_mark(&key.public_key(), line)?;
        marks.push((mark.0, mark.1));
        date = mark.2;
    }
    if marks.is_empty() {
        return Err(Failure::new(
            "the line that begins with `mark` is missing: it is printed under the words. Where it \
             is lost, type `mark CHAIN_ID none`",
        ));
    }
    Ok(Restored { key, date, marks })
}

/// `mark CHAIN HEIGHT/ROUND/STEP DATE CODE`; `mark CHAIN none` needs no more.
fn typed_mark(key: &PublicKey, line: &str) -> Result<(ChainId, Option<Mark>, String), Failure> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if let [_, id, "none", ..] = words.as_slice() {
        return Ok((ChainId::new(*id)?, None, "an unknown day".to_owned()));
    }
    let [_, id, hrs, date, code] = words.as_slice() else {
        return Err(Failure::new(format!(
            "`{}` is not a line as it is printed: mark CHAIN HEIGHT/ROUND/STEP DATE CODE",
            line.trim()
        )));
    };
    if !check_code(key, &format!("{id} {hrs} {date}")).eq_ignore_ascii_case(code) {
        return Err(Failure::new(format!(
            "`{}` is not as it was printed with these words: its code {code} does not fit. Compare \
             each character, and the words",
            line.trim()
        )));
    }
    let hrs = hrs
        .parse()
        .map_err(|_| Failure::new(format!("`{hrs}` is no place")))?;
    let mark = Mark::Floor {
        hrs,
        block_id: None,
    };
    Ok((ChainId::new(*id)?, Some(mark), (*date).to_owned()))
}

fn check_key(args: &RestoreArgs, softsign: &Softsign, key: &PublicKey) -> Outcome {
    let (base64, hex) = (forms::base64(key), forms::hex(key));
    if let Some(wanted) = &args.public_key
        && *wanted != base64
        && !wanted.eq_ignore_ascii_case(&hex)
    {
        return Err(Failure::new(format!(
            "the backup is of the public key {base64}, not of {wanted}: nothing was restored"
        )));
    }
    let algorithm = forms::algorithm(key);
    if softsign.algorithm.unwrap_or(Algorithm::Ed25519) != algorithm {
        return Err(Failure::new(format!(
            "{}: the backup is of a {algorithm} key. Set `algorithm` to that first, because the \
             restored file does not say it",
            softsign.at
        )));
    }
    Ok(())
}

/// A key on a chain that the backup does not know of would start without a past there.
fn check_chains(softsign: &Softsign, restored: &Restored) -> Outcome {
    let known = |id: &&ChainId| restored.marks.iter().any(|(found, _)| found == *id);
    match softsign.chain_ids.iter().find(|id| !known(id)) {
        None => Ok(()),
        Some(missing) => {
            let found: Vec<String> = restored
                .marks
                .iter()
                .map(|(id, _)| id.to_string())
                .collect();
            Err(Failure::new(format!(
                "{}: this key is for chain {missing}, but the backup is of a key for {}. Name the \
                 chain as the backup does",
                softsign.at,
                found.join(", ")
            )))
        }
    }
}

/// Raises what is known; where nothing is, keeps the mark beside the key.
fn restore_mark(softsign: &Softsign, chain: &Chain, mark: &Mark, out: &mut dyn Write) -> Outcome {
    let id = &chain.id;
    match store::inspect(&chain.state_file.value, id)? {
        Some(Knowledge::Mark(_)) => raise(chain, mark, out),
        _ => {
            let key_file = &softsign.path.value;
            let beside = beside(softsign, id);
            if let Some(kept) = floor(key_file, id)?
                && kept.hrs() >= mark.hrs()
            {
                return tell_kept(id, &kept, mark, out);
            }
            let json = Document::to_json(id, &Knowledge::Mark(mark.clone()));
            write_secret_file(&beside, json.as_bytes(), Overwrite::Force)?;
            Ok(writeln!(
                out,
                "chain:       {id}, last signed: {} (kept in {})",
                place(mark),
                beside.display()
            )?)
        }
    }
}

/// One file beside the key, as after an import; one for each chain where there are several.
fn beside(softsign: &Softsign, id: &ChainId) -> PathBuf {
    match softsign.chain_ids.as_slice() {
        [_] => mark_path(&softsign.path.value),
        _ => chain_mark_path(&softsign.path.value, id),
    }
}

fn raise(chain: &Chain, mark: &Mark, out: &mut dyn Write) -> Outcome {
    let mut opened = FileStore::open(&chain.state_file.value, &chain.id)?;
    for note in &opened.notes {
        writeln!(out, "note: {note}")?;
    }
    if let Knowledge::Mark(current) = &opened.knowledge
        && current.hrs() >= mark.hrs()
    {
        return tell_kept(&chain.id, current, mark, out);
    }
    opened.store.raise(mark)?;
    Ok(writeln!(
        out,
        "chain:       {}, last signed: {} (raised the state, which was older)",
        chain.id,
        place(mark)
    )?)
}

fn tell_kept(id: &ChainId, kept: &Mark, mark: &Mark, out: &mut dyn Write) -> Outcome {
    Ok(writeln!(
        out,
        "chain:       {id}, last signed: {} (stays; the backup says {}, and a mark is never \
         lowered)",
        place(kept),
        place(mark)
    )?)
}

fn tell_next(restored: &Restored, out: &mut dyn Write) -> Outcome {
    writeln!(
        out,
        "The chain has gone on since the backup of {}: what was signed after it is not known here",
        restored.date
    )?;
    writeln!(
        out,
        "Next: make sure that no other signer has this key any more, look up the height of the \
         chain, and run `tmkms state import --height` with that height; only then `tmkms start`. \
         Encrypt the key with `tmkms key encrypt`"
    )?;
    Ok(())
}
