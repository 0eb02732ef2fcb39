//! The documents against the program: what they say of it must hold.
//!
//! - `configuration.md` has every table, field, command and flag.
//! - Every configuration shown is right, every command line shown is accepted.
//! - Every message in `troubleshooting.md` is one of the program's, and none is left out.
//! - Every finding of `tmkms doctor` is in `doctor.md`, and every test that it names exists and has
//!   the finding.
//! - Links within the repository lead somewhere.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may panic

#[path = "docs/findings.rs"]
mod findings;
#[path = "docs/markdown.rs"]
mod markdown;
#[path = "docs/shell.rs"]
mod shell;
#[path = "docs/sources.rs"]
mod sources;

use std::io;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory as _, Parser as _};
use privval::FrameError;
use secret_connection::{HandshakeError, HandshakeFailure, OpenError, Stage};
use tmkms::cli::Args;
use tmkms::config::Config;
use tmkms::config::schema::{GATEWAY_TABLES, TABLES};
use tmkms::session::{KINDS, Trouble};

use markdown::{Block, Document, all, code_spans, document, root};
use shell::{arguments, command_lines};
use sources::{Template, Templates, error_texts};

#[test]
fn every_field_is_in_the_reference_with_its_example() {
    let reference = document("configuration.md");
    for table in TABLES.iter().chain(&GATEWAY_TABLES) {
        let title = table.title.trim_matches('`');
        let name = |heading: &str| {
            let heading = heading.trim_start_matches('#').trim().trim_matches('`');
            heading.eq_ignore_ascii_case(title)
        };
        let section = reference.section(name);
        for field in table.fields {
            let start = format!("| `{}` |", field.name);
            let row = section.iter().find(|line| line.starts_with(&start));
            let row = row.unwrap_or_else(|| panic!("{title} lacks a row for {}", field.name));
            let example = format!("| `{}` |", field.example);
            assert!(
                row.ends_with(&example),
                "{title}, {}: {example}",
                field.name
            );
        }
    }
}

#[test]
fn every_command_and_flag_is_in_the_reference() {
    let reference = document("configuration.md");
    let mut missing = Vec::new();
    visit_commands(&Args::command(), "tmkms", &mut |path, command| {
        if !command.has_subcommands() && !reference.contains(&format!("`{path}")) {
            missing.push(path.to_owned());
        }
        let flags = command.get_arguments().filter_map(clap::Arg::get_long);
        for flag in flags.filter(|flag| !["help", "version"].contains(flag)) {
            if !reference.contains(&format!("`--{flag}")) {
                missing.push(format!("{path} --{flag}"));
            }
        }
    });
    assert!(missing.is_empty(), "{missing:?}");
}

fn visit_commands(command: &Command, path: &str, see: &mut dyn FnMut(&str, &Command)) {
    see(path, command);
    for inner in command.get_subcommands() {
        visit_commands(inner, &format!("{path} {}", inner.get_name()), see);
    }
}

/// A block ```` ```toml,fragment ```` is a part of some other file, which has to be TOML only.
#[test]
fn every_configuration_shown_is_right() {
    let mut count = 0;
    for block in blocks(&["toml", "toml,fragment"]) {
        count += 1;
        if block.language == "toml" {
            let loaded = Config::parse(&block.text(), "tmkms.toml");
            let loaded = loaded.unwrap_or_else(|e| panic!("{}: {e}", block.at));
            assert!(
                loaded.warnings.is_empty(),
                "{}: {}",
                block.at,
                loaded.warnings
            );
        } else {
            let parsed = toml::de::DeTable::parse(&block.lines.join("\n")).map(|_| ());
            assert!(parsed.is_ok(), "{}: {parsed:?}", block.at);
        }
    }
    assert!(count >= 2);
}

#[test]
fn every_command_line_shown_is_accepted() {
    let mut count = 0;
    for block in blocks(&["sh", "console"]) {
        for words in command_lines(&block)
            .iter()
            .filter_map(|line| arguments(line))
        {
            count += 1;
            let words = words.iter().map(|word| match word.as_str() {
                "HEIGHT" | "COUNT" => "1",
                other => other,
            });
            let refused = Args::try_parse_from(words.clone()).err().filter(|e| {
                let asked = [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion];
                !asked.contains(&e.kind())
            });
            let line = words.collect::<Vec<_>>().join(" ");
            assert!(
                refused.is_none(),
                "{}: {line}\n{}",
                block.at,
                refused.unwrap()
            );
        }
    }
    assert!(count > 20, "{count}");
}

/// A second connection costs the node up to 3 s, and during its start its life.
#[test]
fn no_command_shown_connects_to_the_signer_port() {
    for block in blocks(&["sh", "console"]) {
        for line in command_lines(&block) {
            let program = line.split([' ', '/']).next().unwrap();
            let connects = ["nc", "ncat", "telnet", "nmap", "socat", "curl", "timeout"];
            let harmless = !connects.contains(&program) && !line.contains("/dev/tcp");
            assert!(harmless, "{}: {line}", block.at);
        }
    }
}

fn blocks(languages: &[&str]) -> Vec<Block> {
    let blocks = all().into_iter().flat_map(|document| document.blocks());
    blocks
        .filter(|block| languages.contains(&block.language.as_str()))
        .collect()
}

/// Words of the system, of libraries, of made-up hooks and of commands of others.
const NOT_OURS: [&str; 24] = [
    "Connection refused (os error",
    "failed to lookup address information: Name or service not known",
    "Network is unreachable (os error",
    "No route to host (os error",
    "Permission denied (os error",
    "No such file or directory (os error",
    "Invalid argument (os error",
    "Operation not permitted (os error",
    "failed to restrict the calling thread: Argument list too long (os error",
    "Error calling `seccomp`: Invalid argument (os error",
    "at path",
    "exit status: 3: no route to the node",
    "process 1079 on vm",
    "printed \"hello\"",
    "key file",
    "WireGuard file",
    "can be read by",
    "but json is",
    "cannot create",
    "cannot open",
    "No space left on device (os error",
    "cannot be used: it is",
    "prevote",
    "nil",
];

#[test]
fn every_message_shown_is_one_of_the_program() {
    let program = Templates::of_program();
    let mut foreign = Vec::new();
    let mut shown = Vec::new();
    for block in document("troubleshooting.md").blocks() {
        for line in block.lines.iter().filter(|_| block.language == "text") {
            shown.push(line.clone());
            let words = program.foreign_words(line, &NOT_OURS);
            if !words.is_empty() {
                foreign.push(format!("{}: {words:?} in: {line}", block.at));
            }
        }
    }
    for (title, message) in titled_messages() {
        let part = Template::of_capitals(&message);
        if !program.have(&part) && !shown.iter().any(|line| part.find(line).is_some()) {
            foreign.push(title);
        }
    }
    assert!(foreign.is_empty(), "{}", foreign.join("\n"));
}

/// The messages in titles and in the first cells of tables headed `message`.
fn titled_messages() -> Vec<(String, String)> {
    let document = document("troubleshooting.md");
    let mut found = Vec::new();
    let mut in_table = false;
    for (_, line) in document.prose() {
        in_table = line.starts_with('|')
            && (in_table
                || line.starts_with("| message |")
                || line.starts_with("| the message has"));
        let spans = match line.strip_prefix("### ") {
            Some(title) => code_spans(title),
            None if in_table => code_spans(line.split(" | ").next().unwrap()),
            None => continue,
        };
        let named = spans
            .into_iter()
            .map(|span| (line.to_owned(), span.to_owned()));
        found.extend(named);
    }
    assert!(found.len() > 80, "{}", found.len());
    found
}

/// Where the errors are that an operator meets when the signer starts or refuses.
const ERRORS: [&str; 11] = [
    "guard/src/refusal.rs",
    "keys/src/problem.rs",
    "keys/src/material.rs",
    "store/src/document.rs",
    "store/src/error.rs",
    "tmkms/src/audit/error.rs",
    "tmkms/src/config/file.rs",
    "tmkms/src/signer/hook.rs",
    "tmkms/src/signer/load.rs",
    "tmkms/src/signer/mark.rs",
    "tmkms/src/tunnels/error.rs",
];

/// Texts that are only the beginning of another error's.
const BEGINNINGS: [&str; 2] = ["has a bad encoding: {0}", "cannot read {}: {source}"];

#[test]
fn no_error_is_left_out() {
    let document = document("troubleshooting.md");
    let beginnings = BEGINNINGS.map(|text| Template::of_format(text).0);
    let mut missing = Vec::new();
    for file in ERRORS {
        for template in error_texts(file) {
            let shown = document.lines().any(|line| template.find(line).is_some());
            if !shown && !beginnings.contains(&template.0) {
                missing.push(format!("{file}: {:?}", template.0));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// Where every kind of mistake in a file has a case of its own.
const CASES: [&str; 3] = [
    "crates/tmkms/tests/config",
    "crates/tmkms/tests/gateway",
    "crates/tunnel/tests/conf",
];

#[test]
fn no_mistake_in_the_configuration_is_left_out() {
    let known: Vec<Template> = titled_messages()
        .iter()
        .map(|(_, message)| Template::of_capitals(message))
        .collect();
    let cases = CASES
        .iter()
        .flat_map(|folder| std::fs::read_dir(root().join(folder)).unwrap());
    let mut missing = Vec::new();
    for path in cases.map(|case| case.unwrap().path()) {
        if path.extension().is_none_or(|ext| ext != "stderr") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let titles = text
            .lines()
            .filter_map(|line| {
                line.strip_prefix("error: ")
                    .or(line.strip_prefix("warning: "))
            })
            .filter(|title| !title.contains(" has 1 mistake") && !title.contains(" mistakes"));
        for title in titles {
            if !known.iter().any(|template| fits(template, title)) {
                missing.push(format!("{}: {title}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// Whether the template is the whole title.
fn fits(template: &Template, title: &str) -> bool {
    let (first, last) = (&template.0[0], template.0.last().unwrap());
    template.letters() >= 5
        && template.find(title).is_some()
        && title.starts_with(first.as_str())
        && title.ends_with(last.as_str())
}

#[test]
fn every_trouble_is_told_as_the_program_tells_it() {
    let document = document("troubleshooting.md");
    for trouble in troubles() {
        assert!(KINDS.contains(&trouble.kind()), "{trouble}");
        let line = format!("] {trouble}: {}", trouble.advice());
        assert!(document.contains(&line), "troubleshooting.md lacks {line}");
    }
}

/// One of each, as the document shows it.
fn troubles() -> Vec<Trouble> {
    let os = io::Error::from_raw_os_error;
    let found = "dd6794bd1f85a6e1f70af3438aece0a56b04afeb".parse().unwrap();
    let expected = "f88883b673fc69d7869cab098de3bafc2ff76eb8".parse().unwrap();
    let (stage, received) = (Stage::Auth, 35);
    let no_name = "failed to lookup address information: Name or service not known";
    let handshakes = [
        HandshakeFailure::ClosedBeforeFirstByte,
        HandshakeFailure::ClosedDuringHandshake { stage, received },
        HandshakeFailure::Silent,
        HandshakeFailure::Stalled { stage, received },
        HandshakeFailure::Garbage(HandshakeError::NotSecretConnection),
        HandshakeFailure::Cryptographic(HandshakeError::ReflectedEphemeral),
        HandshakeFailure::Cryptographic(OpenError::Forged { frame: 0 }.into()),
    ];
    let others = [
        Trouble::Dns(io::Error::other(no_name)),
        Trouble::Refused,
        Trouble::ConnectTimeout(Duration::from_millis(900)),
        Trouble::Unreachable(os(101)),
        Trouble::Unreachable(os(113)),
        Trouble::NoSocket,
        Trouble::Denied(os(13)),
        Trouble::WrongPeer { expected, found },
        Trouble::Closed,
        Trouble::NoPing(Duration::from_secs(10)),
        Trouble::Frame(FrameError::TooLong { len: 8_388_608 }),
    ];
    let all: Vec<_> = handshakes
        .map(Trouble::Handshake)
        .into_iter()
        .chain(others)
        .collect();
    all.iter().for_each(every_trouble_is_above_or_told_in_prose);
    all
}

/// Fails to compile when a trouble is added, so that it gets its section.
fn every_trouble_is_above_or_told_in_prose(trouble: &Trouble) {
    match trouble {
        Trouble::Dns(_)
        | Trouble::Refused
        | Trouble::ConnectTimeout(_)
        | Trouble::Unreachable(_)
        | Trouble::NoSocket
        | Trouble::Denied(_)
        | Trouble::Handshake(_)
        | Trouble::WrongPeer { .. }
        | Trouble::Closed
        | Trouble::NoPing(_)
        | Trouble::Record(_)
        | Trouble::Frame(_)
        | Trouble::Io(_) => {}
    }
}

#[test]
fn links_lead_somewhere() {
    let mut dead = Vec::new();
    let mut count = 0;
    for document in all() {
        for (line, link) in document.links() {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            count += 1;
            if let Err(why) = follow(&document, link) {
                dead.push(format!("{}:{line}: {link}: {why}", document.path.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
    assert!(count > 20, "{count}");
}

fn follow(from: &Document, link: &str) -> Result<(), &'static str> {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let path = match file {
        "" => from.path.clone(),
        file => from.path.parent().unwrap().join(file),
    };
    if !path.exists() {
        return Err("no such file");
    }
    if anchor.is_empty() || Document::read(path).anchors().iter().any(|a| a == anchor) {
        return Ok(());
    }
    Err("no such heading")
}
