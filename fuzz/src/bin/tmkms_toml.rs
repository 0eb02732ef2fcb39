//! `tmkms.toml`: any text is a configuration that is right as a whole, or a list of mistakes that
//! can be shown on a terminal.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use tmkms::config::{Config, Error, Severity};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match Config::parse(text, "/etc/tmkms/tmkms.toml") {
        Ok(loaded) => {
            assert_eq!(loaded.warnings.count(Severity::Error), 0);
            is_harmless(&loaded.warnings.render(false));
            is_right(&loaded.config);
        }
        Err(error) => {
            if let Error::Invalid(report) = &error {
                assert!(report.count(Severity::Error) > 0);
            }
            let shown = error.render(false);
            assert!(shown.contains("error"), "{shown}");
            is_harmless(&shown);
            // Rendering is most of the work, so the other two ways to it take turns.
            match text.len() % 8 {
                0 => assert_eq!(error.to_string(), shown.trim_end()),
                1 => assert!(error.render(true).len() >= shown.len()),
                _ => {}
            }
        }
    }
});

/// No text of the file moves a cursor or colours a line.
fn is_harmless(shown: &str) {
    let harmful = |c: char| c.is_control() && c != '\n';
    assert!(!shown.contains(harmful), "{shown:?}");
}

fn is_right(config: &Config) {
    let ids: BTreeSet<_> = config.chains.iter().map(|chain| &chain.id).collect();
    assert_eq!(ids.len(), config.chains.len(), "a chain twice");
    let files: BTreeSet<_> = config
        .chains
        .iter()
        .map(|chain| &chain.state_file.value)
        .collect();
    assert_eq!(files.len(), config.chains.len(), "a state file twice");
    assert!(!config.validators.is_empty());
    for validator in &config.validators {
        assert!(config.chain(&validator.chain_id).is_some());
        assert!(config.key(&validator.chain_id).is_some());
    }
    for id in ids {
        let keys = config
            .softsign
            .iter()
            .filter(|key| key.chain_ids.contains(id));
        assert!(keys.count() <= 1, "two keys for {id}");
    }
}
