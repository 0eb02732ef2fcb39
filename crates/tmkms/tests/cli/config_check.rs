//! `tmkms config check`.

use std::fs;
use std::time::SystemTime;

use crate::home::Home;
use crate::signer::{CHAIN, PATIENCE, Signer, node, sign};
use crate::transcript::transcripts;

transcripts! { "config_check":
    everything_wrong_at_once
    in_order
    mistakes_in_the_file
    no_file
    several_chains
    warnings
}

/// Every file of `kms/` with its bytes and its time of change.
fn look(home: &Home) -> Vec<(String, SystemTime, Vec<u8>)> {
    let list = home.must("find kms | sort");
    let look = |name: &str| {
        let path = home.path(name);
        let changed = fs::metadata(&path).unwrap().modified().unwrap();
        let bytes = if path.is_file() {
            fs::read(&path).unwrap()
        } else {
            Vec::new()
        };
        (name.to_owned(), changed, bytes)
    };
    list.lines().map(look).collect()
}

#[test]
fn beside_a_running_signer_nothing_is_locked_or_changed() {
    let home = Home::new();
    let node = node(&home);
    let mut signer = Signer::start(&home, &[]);
    let mut connection = node.accept(PATIENCE).unwrap();
    let key = connection.public_key(CHAIN).unwrap();
    sign(&mut connection, &key, 1);
    let before = look(&home);

    let done = home.tmkms(&["config", "check", "-c", "kms/tmkms.toml"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(
        done.stdout.contains(", last signed at h/r/s 1/0/2\n"),
        "{}",
        done.stdout
    );
    assert!(done.stdout.ends_with("kms/tmkms.toml is in order\n"));
    for what in ["show", "export"] {
        let done = home.tmkms(&["state", what, "-c", "kms/tmkms.toml"]);
        assert_eq!(done.code, 0, "{what}: {}", done.stderr);
    }
    assert_eq!(look(&home), before);

    sign(&mut connection, &key, 2);
    signer.wait_for("h/r/s 2/0/2");
    assert_eq!(signer.stop().code, 0);
}

#[test]
fn before_the_first_start_nothing_is_made() {
    let home = Home::new();
    node(&home);
    let before = look(&home);
    let done = home.tmkms(&["config", "check", "-c", "kms/tmkms.toml"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(look(&home), before);
}
