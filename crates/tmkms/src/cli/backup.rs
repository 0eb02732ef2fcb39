//! `tmkms key backup`: a key and what it signed last, on paper or on another disk.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use guard::{Knowledge, Mark};
use keys::{Backup, BackupChain, KeyMaterial, show as forms, words, write_secret_file};
use privval::{ChainId, PublicKey};
use store::Document;

use super::args::BackupArgs;
use super::key::permissions;
use super::softsign::overwrite;
use super::state::{key, known, place};
use super::{Outcome, config};
use crate::config::{Config, Softsign};
use crate::date::utc_date;
use crate::signer::read_softsign_key;

/// What a key had signed on one of its chains.
struct Past {
    chain_id: ChainId,
    mark: Option<Mark>,
}

/// Makes a backup.
pub(super) fn run(args: &BackupArgs, out: &mut dyn Write) -> Outcome {
    let config = config::load(&args.config.path)?;
    let softsign = key(&config, args.chain_id.as_ref())?;
    let pasts = pasts(&config, softsign)?;
    let permissions = permissions(args.allow_insecure_permissions);
    let key = read_softsign_key(softsign, permissions)?;
    let Some(file) = &args.file else {
        return print_words(&key, &pasts, out);
    };
    let what = format!("the backup {}", file.display());
    let passphrase = args.passphrase.source().read_new(&what, permissions)?;
    let backup = Backup {
        key,
        date: today(),
        chains: pasts.iter().map(Past::document).collect(),
    };
    let text = backup.seal(&passphrase)?;
    // What cannot be opened again is no backup.
    Backup::unseal(text.as_bytes(), &passphrase)?;
    write_secret_file(file, text.as_bytes(), overwrite(args.force))?;
    writeln!(
        out,
        "Wrote the backup {} of {}",
        file.display(),
        backup.date
    )?;
    let public = backup.key.public_key();
    writeln!(out, "public key:  {}", forms::base64(&public))?;
    tell_pasts(&pasts, out)?;
    Ok(writeln!(
        out,
        "Print the file or copy it off this machine, write the public key beside it, and keep the \
         passphrase elsewhere. `tmkms key restore`, age and rage open it"
    )?)
}

fn pasts(config: &Config, key: &Softsign) -> Result<Vec<Past>, super::Failure> {
    let chains = key.chain_ids.iter().filter_map(|id| config.chain(id));
    chains
        .map(|chain| {
            Ok(Past {
                chain_id: chain.id.clone(),
                mark: known(config, chain)?.map(|known| known.mark),
            })
        })
        .collect()
}

impl Past {
    fn document(&self) -> BackupChain {
        let json = |mark| Document::to_json(&self.chain_id, &Knowledge::Mark(mark));
        BackupChain {
            chain_id: self.chain_id.to_string(),
            state: self.mark.clone().map(json),
        }
    }
}

fn tell_pasts(pasts: &[Past], out: &mut dyn Write) -> Outcome {
    for past in pasts {
        let signed = past
            .mark
            .as_ref()
            .map_or("nothing that is known of".to_owned(), place);
        writeln!(out, "chain:       {}, last signed: {signed}", past.chain_id)?;
    }
    Ok(())
}

fn print_words(key: &KeyMaterial, pasts: &[Past], out: &mut dyn Write) -> Outcome {
    let text = words(key)?;
    let public = key.public_key();
    writeln!(out, "public key:  {}", forms::base64(&public))?;
    writeln!(out, "These words are the key itself, not encrypted:\n")?;
    let list: Vec<&str> = text.split(' ').collect();
    for (row, four) in list.chunks(4).enumerate() {
        for (column, word) in four.iter().enumerate() {
            let number = row
                .saturating_mul(4)
                .saturating_add(column)
                .saturating_add(1);
            write!(out, "{number:>4}. {word:<10}")?;
        }
        writeln!(out)?;
    }
    writeln!(
        out,
        "\nWhat was signed last; type these lines too when you restore:\n"
    )?;
    for past in pasts {
        writeln!(out, "{}", mark_line(&public, past, &today()))?;
    }
    Ok(())
}

/// `mark CHAIN HEIGHT/ROUND/STEP DATE CODE`, or `none` in the place of numbers.
fn mark_line(public: &PublicKey, past: &Past, date: &str) -> String {
    let place = match &past.mark {
        Some(mark) => mark.hrs().to_string(),
        None => "none".to_owned(),
    };
    let said = format!("{} {place} {date}", past.chain_id);
    let code = keys::check_code(public, &said);
    format!("mark {said} {code}")
}

/// The day in UTC, `YYYY-MM-DD`.
fn today() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    utc_date(now.as_secs() / 86_400)
}
