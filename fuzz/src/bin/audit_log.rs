//! An audit log: any bytes are judged without a panic, and what is judged whole is whole when it is
//! read a second time by other code.
//!
//! Longest input: 4096 bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sha2::{Digest as _, Sha256};
use tmkms::audit::verify::{Head, LogFile, verify};

fuzz_target!(|bytes: &[u8]| {
    let _ = Head::parse(bytes);
    // Everything that a file may be cut into: two halves, in both orders.
    let (first, second) = bytes.split_at(bytes.len() / 2);
    for files in [[first, second], [second, first]] {
        let files = files.map(|bytes| LogFile { name: "f", bytes });
        is_harmless(&verify(&files, 1, None));
    }
    let file = LogFile { name: "f", bytes };
    let verdict = verify(&[file], 1, None);
    is_harmless(&verdict);
    if verdict.findings.is_empty() && verdict.notes.is_empty() {
        follows(bytes);
    }
});

/// No text of the log moves a cursor or makes a line of its own.
fn is_harmless(verdict: &tmkms::audit::verify::Verdict) {
    for told in verdict.findings.iter().chain(&verdict.notes) {
        let told = told.to_string();
        assert!(!told.contains(char::is_control), "{told:?}");
    }
}

/// Each line's hash is that of the one before it and of its text.
fn follows(bytes: &[u8]) {
    let mut before: Option<Vec<u8>> = None;
    let lines = bytes.split(|byte| *byte == b'\n');
    for line in lines.filter(|line| !line.is_empty()) {
        let text = std::str::from_utf8(line).expect("a record is text");
        let (body, end) = text.rsplit_once(",\"hash\":\"").expect("a hash");
        let fields: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let before_this = before.unwrap_or_else(|| {
            hex::decode(fields["previous"].as_str().expect("the first record")).expect("digits")
        });
        let hash = Sha256::new()
            .chain_update(before_this)
            .chain_update(body)
            .finalize()
            .to_vec();
        assert_eq!(end, format!("{}\"}}", hex::encode(&hash)));
        before = Some(hash);
    }
}
