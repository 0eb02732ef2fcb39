//! tmkms.toml, keys and states.

use std::fs;

use super::{Diagnosis, closed_port, kms};
use crate::home::Home;
use crate::sandbox::left_out;

fn with_kms() -> Home {
    let home = Home::new();
    kms(&home, &format!("tcp://127.0.0.1:{}", closed_port()));
    home
}

#[test]
fn every_mistake_of_the_configuration_is_shown_at_once() {
    let home = with_kms();
    home.must("sed -i 's/^addr/adr/; s/^state_file = .*/state_file = 5/' kms/tmkms.toml");
    Diagnosis::of(&home, &[])
        .has("config.invalid", "broken", "tmkms config check")
        .tells("config.invalid", "did you mean `addr`?")
        .tells(
            "config.invalid",
            "`state_file` in [[chain]] cannot be an integer",
        );
}

#[test]
fn warning_of_the_configuration_is_a_warning() {
    let home = with_kms();
    home.must("sed -i 's#tcp://#tcp://deadbeefdeadbeefdeadbeefdeadbeefdeadbeef@#' kms/tmkms.toml");
    Diagnosis::of(&home, &[])
        .has("config.warnings", "warning", "help:")
        .tells("config.warnings", "leave the peer id and the @ out");
}

#[test]
fn missing_or_unreadable_configuration_is_told() {
    let home = Home::new();
    Diagnosis::of(&home, &[]).has("config.missing", "broken", "tmkms init DIR -n kira");
    home.must("mkdir kms && printf '\\377\\376a\\0' > kms/tmkms.toml");
    Diagnosis::of(&home, &[]).has("config.unreadable", "broken", "iconv");
}

#[test]
fn directory_in_the_place_of_tmkms_toml_is_named() {
    let home = Home::new();
    home.must("mkdir -p kms/tmkms.toml");
    Diagnosis::of(&home, &[])
        .has(
            "config.directory",
            "broken",
            "docker compose down && rmdir tmkms.toml",
        )
        .tells("config.directory", "Docker makes a directory");
}

/// "bad encoding" in the guide: the node's file copied, not imported.
#[test]
fn key_that_was_copied_and_not_imported_is_named() {
    let home = with_kms();
    home.must("cat node/config/priv_validator_key.json > kms/secrets/priv_validator_key.json");
    Diagnosis::of(&home, &[])
        .has("key.bad", "broken", "tmkms softsign import")
        .tells(
            "key.bad",
            "has a bad encoding: this looks like CometBFT's JSON key",
        );
}

#[test]
fn key_that_is_missing_open_or_a_directory_is_named() {
    let home = with_kms();
    home.must("chmod 644 kms/secrets/priv_validator_key.json");
    Diagnosis::of(&home, &[])
        .has(
            "key.open_to_others",
            "broken",
            "chmod 600 kms/secrets/priv_validator_key.json",
        )
        .tells("key.open_to_others", "mode 0644");
    home.must("rm kms/secrets/priv_validator_key.json");
    Diagnosis::of(&home, &[]).has("key.missing", "broken", "tmkms softsign import");
    home.must("mkdir kms/secrets/priv_validator_key.json");
    Diagnosis::of(&home, &[]).has("key.directory", "broken", "rmdir");
}

#[test]
fn key_and_identity_are_shown_with_owner_and_mode() {
    let home = with_kms();
    let uid = rustix::process::getuid().as_raw();
    let found = Diagnosis::of(&home, &[]);
    found
        .tells(
            "key.ok",
            &format!("base64, in the clear, uid {uid}, mode 0600"),
        )
        .tells("key.ok", &format!("address {}", super::address(&home)))
        .tells("key.identity_ok", "kms-identity.key");
}

#[test]
fn encrypted_key_is_not_opened_where_its_passphrase_would_be_typed() {
    let home = with_kms();
    home.must(
        "echo secret > pass && chmod 600 pass &&
         tmkms key encrypt kms/secrets/priv_validator_key.json --passphrase-file pass",
    );
    let found = Diagnosis::of(&home, &[]);
    found.tells("key.encrypted", "is encrypted").lacks("key.ok");
    home.must("sed -i 's#^path = .*#&\\npassphrase_file = \"../pass\"#' kms/tmkms.toml");
    Diagnosis::of(&home, &[]).tells("key.ok", "encrypted");
    home.must("echo wrong > pass");
    Diagnosis::of(&home, &[])
        .has("key.not_opened", "broken", "Check the passphrase")
        .tells("key.not_opened", "does not open with this passphrase");
}

#[test]
fn files_of_another_user_are_told_and_not_called_broken() {
    let home = with_kms();
    let is_root = rustix::process::geteuid().is_root();
    if left_out((!is_root).then(|| "only root becomes another user".to_owned())) {
        return;
    }
    let Some(unprivileged) = home.unprivileged() else {
        return;
    };
    home.must("chmod -R go+rX kms && chmod 600 kms/secrets/*.key kms/secrets/*.json && chmod 755 kms/secrets");
    let words = format!("{unprivileged}tmkms doctor --json -c kms/tmkms.toml");
    let mut command = std::process::Command::new("sh");
    let found = Diagnosis::run(&home, command.args(["-c", &words]));
    found.has(
        "key.unseen",
        "warning",
        "run as the user that runs the signer, or as root",
    );
    found.lacks("key.ok").lacks("key.bad");
}

#[test]
fn state_without_a_directory_or_of_another_chain_is_named() {
    let home = with_kms();
    home.must("rmdir kms/state");
    Diagnosis::of(&home, &[]).has("state.no_directory", "broken", "mkdir -p");
    home.must("mkdir kms/state && tmkms state import -c kms/tmkms.toml --height 5");
    Diagnosis::of(&home, &[]).tells("state.ok", "last signed at h/r/s 5/");
    home.must("sed -i 's/\"testnet-1\"/\"testnet-2\"/' kms/tmkms.toml");
    Diagnosis::of(&home, &[]).has("state.other_chain", "broken", "state_file");
}

#[test]
fn damaged_state_and_a_directory_in_its_place_are_named() {
    let home = with_kms();
    home.must("tmkms state import -c kms/tmkms.toml --height 5");
    let ring = home.path("kms/state/testnet-1-consensus.json.ring");
    fs::write(&ring, vec![7; 100]).unwrap();
    Diagnosis::of(&home, &[]).has("state.damaged", "broken", "tmkms state import");
    fs::remove_file(&ring).unwrap();
    home.must("rm kms/state/*.json && mkdir kms/state/testnet-1-consensus.json");
    Diagnosis::of(&home, &[]).has("state.directory", "broken", "rmdir");
}

#[test]
fn damaged_mark_beside_the_key_is_named() {
    let home = with_kms();
    home.must("echo '{' > kms/secrets/priv_validator_key.json.mark.json");
    Diagnosis::of(&home, &[]).has("state.mark_beside_key", "broken", "import the key again");
}

#[test]
fn name_that_leads_nowhere_is_told() {
    let home = Home::new();
    kms(&home, "tcp://nowhere.invalid:26659");
    Diagnosis::of(&home, &[])
        .has("dns.unknown", "broken", "docker network inspect kiranet")
        .tells("dns.unknown", "nowhere.invalid cannot be resolved");
    home.must("sed -i 's/nowhere.invalid/localhost/' kms/tmkms.toml");
    Diagnosis::of(&home, &[]).tells("dns.ok", "localhost is 127.0.0.1");
}

#[test]
fn looking_changes_nothing() {
    let home = with_kms();
    home.must("tmkms state import -c kms/tmkms.toml --height 5");
    let tree =
        || home.must("find kms -printf '%p %m %s %T@\\n' | sort; cat kms/state/* | sha256sum");
    let before = tree();
    Diagnosis::of(&home, &["--connect"]);
    // The file that is measured with has no name; the directory's own time may move.
    let without_times = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with("kms/state 7"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(without_times(&before), without_times(&tree()));
}

/// Runs `tmkms doctor` as a user without rights, after a script has set modes.
fn as_nobody(home: &Home, script: &str, more: &str) -> Option<Diagnosis> {
    let is_root = rustix::process::geteuid().is_root();
    if left_out((!is_root).then(|| "only root becomes another user".to_owned())) {
        return None;
    }
    let unprivileged = home.unprivileged()?;
    home.must(script);
    let words = format!("{unprivileged}tmkms doctor --json {more}");
    let mut command = std::process::Command::new("sh");
    Some(Diagnosis::run(home, command.args(["-c", &words])))
}

#[test]
fn configuration_of_another_user_is_told() {
    let home = with_kms();
    let script = "chmod 755 kms && chmod 600 kms/tmkms.toml";
    if let Some(found) = as_nobody(&home, script, "-c kms/tmkms.toml") {
        found.has(
            "config.forbidden",
            "warning",
            "run as the user that runs tmkms, or as root",
        );
    }
}

#[test]
fn state_of_another_user_is_told() {
    let home = with_kms();
    home.must("tmkms state import -c kms/tmkms.toml --height 5");
    let script = "chmod 755 kms && chmod 644 kms/tmkms.toml && chmod 700 kms/state";
    let Some(found) = as_nobody(&home, script, "-c kms/tmkms.toml") else {
        return;
    };
    found
        .has("state.unseen", "warning", "or as root")
        .has("state.lock_unseen", "warning", "or as root")
        .has("disk.not_writable", "warning", "or as root");
    let connected = as_nobody(&home, "true", "-c kms/tmkms.toml --connect").unwrap();
    connected.has("connect.unsure", "warning", "or as root");
}

#[test]
fn home_of_another_user_is_told() {
    let home = Home::new();
    home.must("mkdir -p sekai/config && touch sekai/config/config.toml sekai/config/priv_validator_key.json");
    let script = "chmod 600 sekai/config/config.toml";
    let Some(found) = as_nobody(&home, script, "--node-home sekai") else {
        return;
    };
    found.has(
        "home.unseen",
        "warning",
        "run as the user that runs the node, or as root",
    );
    let script =
        "chmod 644 sekai/config/config.toml && chmod 600 sekai/config/priv_validator_key.json";
    as_nobody(&home, script, "--node-home sekai").unwrap().has(
        "home.key_unseen",
        "warning",
        "run as the user that runs the node, or as root",
    );
}
