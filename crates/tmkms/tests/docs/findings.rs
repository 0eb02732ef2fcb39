//! `doctor.md` against the program and its tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::markdown::{code_spans, document, root};
use super::sources::{literals, without_tests};

/// Where findings come from.
const SOURCES: &str = "crates/tmkms/src/doctor";

/// Where their tests may be.
const TESTS: [&str; 4] = [
    "crates/tmkms/tests/cli",
    "crates/tmkms/src/doctor",
    "crates/interop/tests",
    "crates/e2e/src",
];

/// The first halves of ids.
const CHECKS: [&str; 13] = [
    "config",
    "node",
    "clock",
    "home",
    "port",
    "path",
    "dns",
    "wireguard",
    "signer",
    "key",
    "state",
    "disk",
    "connect",
];

fn is_id(text: &str) -> bool {
    let Some((check, finding)) = text.split_once('.') else {
        return false;
    };
    let is_word = |c: char| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit();
    CHECKS.contains(&check)
        && finding != "toml"
        && !finding.is_empty()
        && finding.chars().all(is_word)
}

/// All Rust files in a folder and below it, with their texts.
fn files(folder: &Path, read: &mut dyn FnMut(&Path, String)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, read);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            read(&path, fs::read_to_string(&path).unwrap());
        }
    }
}

fn ids_of_program() -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    files(&root().join(SOURCES), &mut |path, source| {
        if path.ends_with("tests.rs") {
            return;
        }
        let texts = literals(without_tests(&source));
        ids.extend(texts.into_iter().filter(|text| is_id(text)));
    });
    ids
}

#[test]
fn every_finding_of_doctor_is_in_its_document_and_no_other() {
    let document = document("doctor.md");
    let shown: BTreeSet<String> = document
        .lines()
        .flat_map(code_spans)
        .filter(|span| is_id(span))
        .map(str::to_owned)
        .collect();
    let program = ids_of_program();
    assert!(program.len() > 80, "{}", program.len());
    let missing: Vec<_> = program.difference(&shown).collect();
    let made_up: Vec<_> = shown.difference(&program).collect();
    assert!(missing.is_empty(), "doctor.md lacks {missing:?}");
    assert!(made_up.is_empty(), "no finding of the program: {made_up:?}");
}

#[test]
fn every_row_of_doctor_names_a_test_that_has_the_finding() {
    let mut tests = Vec::new();
    for folder in TESTS {
        files(&root().join(folder), &mut |_, text| tests.push(text));
    }
    let mut wrong = Vec::new();
    let mut rows = 0;
    for line in document("doctor.md")
        .lines()
        .filter(|line| line.starts_with('|'))
    {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        let [_, findings, test] = cells.as_slice() else {
            continue;
        };
        let ids: Vec<&str> = code_spans(findings)
            .into_iter()
            .filter(|it| is_id(it))
            .collect();
        let [name] = code_spans(test)[..] else {
            continue;
        };
        rows += 1;
        let definition = format!("fn {name}(");
        let Some(file) = tests.iter().find(|text| text.contains(&definition)) else {
            wrong.push(format!("no test {name}"));
            continue;
        };
        let lacking = ids.iter().filter(|id| !file.contains(&format!("\"{id}\"")));
        wrong.extend(lacking.map(|id| format!("{name}: its file has no {id}")));
    }
    assert!(rows > 60, "{rows}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
