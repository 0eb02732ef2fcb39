//! What `start` and `remote-signer` refuse, and what they say.

use std::fs;

use crate::home::{ADDRESS, DECOY, Home, KEY, SECRET, SIGNED, count_with};

const ENABLE: [&str; 4] = ["remote-signer", "enable", "--listen", "tcp://127.0.0.1:9"];

#[test]
fn a_key_that_may_be_a_decoy_is_not_taken_for_the_validators() {
    let home = Home::new();
    let config = home
        .read("config/config.toml")
        .replace("\"\"", "\"tcp://127.0.0.1:9\"");
    home.write("config/config.toml", &config);
    home.write(
        "data/priv_validator_state.json",
        "{\"height\":\"0\",\"round\":0,\"step\":0}",
    );
    let text = home.refused(&ENABLE);
    assert!(text.contains("it may be a decoy"), "{text}");
    assert!(text.contains(&format!("--address {ADDRESS}")), "{text}");
    assert_eq!(home.read("config/priv_validator_key.json"), KEY);
    let wrong = [&ENABLE[..], &["--address", "00"]].concat();
    let text = home.refused(&wrong);
    assert!(
        text.contains(&format!("the key on this node is {ADDRESS}, not 00")),
        "{text}"
    );
    let right = [&ENABLE[..], &["--address", ADDRESS]].concat();
    home.ok(&right);
    assert!(!home.path("config/priv_validator_key.json").exists());
}

#[test]
fn the_guides_steps_by_hand_are_finished_without_a_question() {
    let home = Home::new();
    let config = home
        .read("config/config.toml")
        .replace("\"\"", "\"tcp://127.0.0.1:9\"");
    home.write("config/config.toml", &config);
    home.fake("exit 0");
    let text = home.ok(&["start"]);
    assert!(
        text.contains("is a validator's. If the signer has it too"),
        "{text}"
    );
    home.ok(&ENABLE);
    assert_eq!(count_with(&home.root, SECRET), 1);
    assert_eq!(
        home.height("signer-bundle/data/priv_validator_state.json"),
        SIGNED
    );
}

#[test]
fn a_start_that_would_sign_again_is_refused() {
    let home = Home::new();
    home.fake("echo started");
    home.ok(&ENABLE);
    let config = home.read("config/config.toml");
    home.write(
        "config/config.toml",
        &config.replace("tcp://127.0.0.1:9", ""),
    );
    let text = home.refused(&["start"]);
    assert!(
        text.contains(&format!("{ADDRESS} is with a remote signer, but")),
        "{text}"
    );
    assert!(!text.contains("started"), "{text}");
    home.write("config/config.toml", &config);
    home.write("config/priv_validator_key.json", KEY);
    let text = home.ok(&["start"]);
    assert!(
        text.contains("and with the remote signer too. Move it off"),
        "{text}"
    );
    let text = home.refused(&ENABLE);
    assert!(text.contains("two places could sign"), "{text}");
}

#[test]
fn a_bundle_of_another_key_or_a_later_time_is_left_alone() {
    let home = Home::new();
    fs::create_dir_all(home.path("signer-bundle/config")).unwrap();
    fs::create_dir_all(home.path("signer-bundle/data")).unwrap();
    home.write("signer-bundle/config/priv_validator_key.json", DECOY);
    let text = home.refused(&ENABLE);
    assert!(text.contains("from another key or a later time"), "{text}");
    fs::remove_file(home.path("signer-bundle/config/priv_validator_key.json")).unwrap();
    let later = "{\"height\":\"8\",\"round\":0,\"step\":1}";
    home.write("signer-bundle/data/priv_validator_state.json", later);
    let text = home.refused(&ENABLE);
    assert!(text.contains("from another key or a later time"), "{text}");
    assert!(!home.path(".scaller/remote-signer.json").exists());
    assert_eq!(home.read("config/priv_validator_key.json"), KEY);
}

#[test]
fn a_damaged_key_or_state_is_never_moved() {
    let home = Home::new();
    for (file, text, told) in [
        (
            "config/priv_validator_key.json",
            "{\"address\":",
            "is no whole key file",
        ),
        (
            "data/priv_validator_state.json",
            "",
            "does not say what was signed last",
        ),
    ] {
        let whole = home.read(file);
        home.write(file, text);
        let said = home.refused(&ENABLE);
        assert!(said.contains(told), "{said}");
        assert_eq!(home.read(file), text);
        home.write(file, &whole);
    }
    let text = home.refused(&["remote-signer", "enable", "--listen", "tcp://h"]);
    assert!(text.contains("--listen \"tcp://h\" has no port"), "{text}");
    assert_eq!(home.read("config/priv_validator_key.json"), KEY);
}

#[test]
fn the_key_of_another_bundle_does_not_come_back() {
    let home = Home::new();
    home.ok(&ENABLE);
    let other = home.dir.path().join("other");
    fs::create_dir_all(other.join("config")).unwrap();
    fs::write(other.join("config/priv_validator_key.json"), DECOY).unwrap();
    let name = other.to_str().unwrap();
    let disable = [
        "remote-signer",
        "disable",
        "--signer-stopped",
        "--height",
        "9",
    ];
    let text = home.refused(&[&disable[..], &["--bundle", name]].concat());
    assert!(
        text.contains("Name the right bundle with --bundle"),
        "{text}"
    );
    let gone = home.dir.path().join("gone");
    let text = home.refused(&[&disable[..], &["--bundle", gone.to_str().unwrap()]].concat());
    assert!(text.contains("there is no key at"), "{text}");
    home.ok(&disable);
    assert_eq!(home.read("config/priv_validator_key.json"), KEY);
    assert_eq!(home.height("data/priv_validator_state.json"), 9);
}

#[test]
fn a_state_that_is_lower_than_what_is_known_does_not_count() {
    let home = Home::new();
    home.ok(&ENABLE);
    let low = home.dir.path().join("low.json");
    fs::write(&low, "{\"height\":\"3\",\"round\":\"0\",\"step\":2}").unwrap();
    // Even if the state in the bundle is lost.
    fs::remove_file(home.path("signer-bundle/data/priv_validator_state.json")).unwrap();
    let state = low.to_str().unwrap();
    let text = home.ok(&[
        "remote-signer",
        "disable",
        "--signer-stopped",
        "--state",
        state,
    ]);
    assert!(text.contains("a mark is never lowered"), "{text}");
    assert_eq!(home.height("data/priv_validator_state.json"), SIGNED);
}
