//! `scaller keys-add`: an account key in the node's keyring.
//!
//! A mnemonic is the account, so it goes to a person or into a pipe and never to a disk: not into
//! a file, and not into a log, which is a file too.

use std::env;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::process::{self, ExitCode, Stdio};

use rustix::fs::FileType;
use rustix::stdio;
use serde_json::Value;
use zeroize::{Zeroize as _, Zeroizing};

use crate::Outcome;
use crate::args::{KeyArgs, KeysAddArgs};
use crate::failure::{Failure, say};
use crate::home::Home;
use crate::sekaid;

pub(crate) fn run(args: &KeysAddArgs) -> Outcome {
    let home = Home::new(&args.key.home.home);
    if exists(&home, &args.key)? {
        return existing(args);
    }
    if args.recover {
        recover(&home, &args.key)?;
    } else if args.no_backup {
        sekaid::run(
            "add the key",
            &mut command(&home, &args.key, &["--no-backup"]),
        )?;
        say!("Its mnemonic was not shown: the key exists in the keyring only");
    } else if let Some(fd) = args.mnemonic_fd {
        into_descriptor(&home, &args.key, fd)?;
    } else {
        show(&home, &args.key)?;
    }
    say!("Added key {} to the keyring", args.key.name);
    Ok(ExitCode::SUCCESS)
}

fn existing(args: &KeysAddArgs) -> Outcome {
    let name = &args.key.name;
    if args.recover {
        return Err(Failure::new(format!(
            "key {name} exists in the keyring already and was left as it is. Choose another name \
             with --name"
        )));
    }
    say!("Key {name} is in the keyring already: nothing was changed");
    Ok(ExitCode::SUCCESS)
}

/// Adds the key whose mnemonic is the first line of our standard input, which sekaid reads itself.
pub(crate) fn recover(home: &Home, key: &KeyArgs) -> Result<(), Failure> {
    let mut command = command(home, key, &["--recover"]);
    command.stdin(Stdio::inherit());
    sekaid::run("add the key", &mut command)
}

/// sekaid shows the mnemonic itself: it does not pass through here.
fn show(home: &Home, key: &KeyArgs) -> Result<(), Failure> {
    refuse_disk(stdio::stdout().as_fd(), "standard output")?;
    refuse_disk(stdio::stderr().as_fd(), "standard error")?;
    let mut command = command(home, key, &[]);
    command.stdin(Stdio::inherit());
    let status = command.status().map_err(|e| sekaid::unstartable(&e))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "sekaid could not add the key ({status}); it says why above"
    )))
}

fn into_descriptor(home: &Home, key: &KeyArgs, fd: u32) -> Result<(), Failure> {
    let name = format!("file descriptor {fd}");
    let mut sink = File::options()
        .write(true)
        .open(format!("/proc/self/fd/{fd}"))
        .map_err(|error| {
            Failure::new(format!(
                "cannot write to {name}: {error}. Open a pipe there, as in \
                 `scaller keys-add --mnemonic-fd 3 3> >(age -p > mnemonic.age)`"
            ))
        })?;
    refuse_disk(sink.as_fd(), &name)?;
    let mut output = sekaid::output(&mut command(home, key, &["--output", "json"]))?;
    if !output.status.success() {
        return Err(sekaid::failed("add the key", &output));
    }
    let said = Zeroizing::new([output.stdout.as_slice(), &output.stderr].concat());
    output.stdout.zeroize();
    output.stderr.zeroize();
    let mnemonic = mnemonic(&said).ok_or_else(|| {
        Failure::new(
            "sekaid added the key and did not say its mnemonic. Delete it with `sekaid keys \
             delete` if it must have one",
        )
    })?;
    sink.write_all(mnemonic.as_bytes())
        .and_then(|()| sink.write_all(b"\n"))
        .map_err(|error| {
            Failure::new(format!(
                "the key was added and its mnemonic could not be written to {name}: {error}. \
                 Delete it with `sekaid keys delete` and add it again"
            ))
        })
}

/// The mnemonic in sekaid's JSON.
fn mnemonic(said: &[u8]) -> Option<Zeroizing<String>> {
    let start = said.iter().position(|byte| *byte == b'{')?;
    let mut values = serde_json::Deserializer::from_slice(said.get(start..)?).into_iter::<Value>();
    let mut value = values.next()?.ok()?;
    match value.get_mut("mnemonic").map(Value::take) {
        Some(Value::String(words)) if !words.is_empty() => Some(Zeroizing::new(words)),
        _ => None,
    }
}

fn command(home: &Home, key: &KeyArgs, more: &[&str]) -> process::Command {
    let arguments = [
        &["keys", "add", &key.name],
        &["--keyring-backend", key.keyring_backend.as_str()][..],
        more,
    ]
    .concat();
    sekaid::command(home, &arguments)
}

/// Whether the keyring has the key. sekaid would ask whether to replace it, and would take the
/// first letter of a mnemonic on its standard input for the answer.
pub(crate) fn exists(home: &Home, key: &KeyArgs) -> Result<bool, Failure> {
    let KeyArgs {
        name,
        keyring_backend: backend,
        ..
    } = key;
    if name.is_empty() || name.starts_with('-') || name.contains('/') {
        return Err(Failure::new(format!("{name:?} is no name for a key")));
    }
    if matches!(backend.as_str(), "test" | "file") {
        let file = home.path(&format!("keyring-{backend}/{name}.info"));
        return file
            .try_exists()
            .map_err(|e| Failure::file("look at", &file, &e));
    }
    let arguments = ["keys", "show", name, "--keyring-backend", backend];
    let output = sekaid::output(&mut sekaid::command(home, &arguments))?;
    Ok(output.status.success())
}

/// Refuses what would put a mnemonic on a disk.
fn refuse_disk(to: impl AsFd, name: &str) -> Result<(), Failure> {
    let stat = rustix::fs::fstat(&to)
        .map_err(|error| Failure::new(format!("cannot look at {name}: {error}")))?;
    let told = if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
        "is a file"
    } else if env::var("JOURNAL_STREAM").ok() == Some(format!("{}:{}", stat.st_dev, stat.st_ino)) {
        "is the journal"
    } else if process::id() == 1 && !rustix::termios::isatty(&to) {
        "is the container's log"
    } else {
        return Ok(());
    };
    Err(Failure::new(format!(
        "the mnemonic would be kept in the clear, because {name} {told}. No key was made. Run this \
         in a terminal (`docker exec -it`, `docker run -it`), give the mnemonic to a program with \
         --mnemonic-fd, or do without one with --no-backup"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mnemonic_is_found_in_what_sekaid_says() {
        let said = b"warning: x\n{\"name\":\"a\",\"mnemonic\":\"one two\"}\n";
        assert_eq!(mnemonic(said).unwrap().as_str(), "one two");
        assert!(mnemonic(b"{\"name\":\"a\"}").is_none());
        assert!(mnemonic(b"no json").is_none());
    }

    #[test]
    fn a_file_is_no_place_for_a_mnemonic_and_a_pipe_is() {
        let file = tempfile::tempfile().unwrap();
        let text = refuse_disk(&file, "standard output")
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("because standard output is a file. No key was made"),
            "{text}"
        );
        let (_reader, writer) = std::io::pipe().unwrap();
        refuse_disk(&writer, "standard output").unwrap();
    }
}
