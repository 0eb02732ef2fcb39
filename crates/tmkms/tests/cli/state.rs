//! `tmkms state show`, `tmkms state import`, `tmkms state export`.

use crate::home::Home;
use crate::signer::{CHAIN, PATIENCE, Signer, node, sign};
use crate::transcript::transcripts;

transcripts! { "state":
    a_height
    a_node_that_signed_nothing
    a_nodes_state
    a_state_of_tmkms
    damaged
    export_is_read_back
    mark_beside_the_key_counts
    never_lowered
    nothing_known
    nothing_to_import
    several_chains
    steps_of_cometbft
    the_same_again
}

#[test]
fn while_the_signer_runs_an_import_says_who_holds_the_state() {
    let home = Home::new();
    let _node = node(&home);
    let mut signer = Signer::start(&home, &[]);
    signer.wait_for("starting up");
    let done = home.tmkms(&["state", "import", "-c", "kms/tmkms.toml", "--height", "5"]);
    assert_eq!(done.code, 1);
    assert_eq!(done.stdout, "");
    let holder = format!(
        "error: kms/state/{CHAIN}-consensus.json.ring is in use by another signer (process {} on ",
        signer.pid()
    );
    assert!(done.stderr.starts_with(&holder), "{}", done.stderr);
    assert!(done.stderr.ends_with("stop that one first\n"));
    assert_eq!(signer.stop().code, 0);
    let done = home.tmkms(&["state", "import", "-c", "kms/tmkms.toml", "--height", "5"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
}

#[test]
fn what_the_signer_signed_is_shown_and_exported() {
    let home = Home::new();
    let node = node(&home);
    let signer = Signer::start(&home, &[]);
    let mut connection = node.accept(PATIENCE).unwrap();
    let key = connection.public_key(CHAIN).unwrap();
    sign(&mut connection, &key, 1);
    drop(connection);
    assert_eq!(signer.stop().code, 0);
    let shown = home.tmkms(&["state", "show", "-c", "kms/tmkms.toml"]);
    assert_eq!(
        shown.stdout,
        "\
chain:       testnet-1
files:       kms/state/testnet-1-consensus.json and kms/state/testnet-1-consensus.json.ring
last signed: h/r/s 1/0/2
block:       6B86B273FF34FCE19D6B804EFF5A3F5747ADA4EAA22F1D49C01E52DDB7875B4B
repeats:     a repeated request gets the same signature
"
    );
    let exported = home.tmkms(&["state", "export", "-c", "kms/tmkms.toml"]);
    let start = r#"{"height":"1","round":"0","step":2,"block_id":{"hash":"6B86B273FF34FCE1"#;
    assert!(exported.stdout.starts_with(start), "{}", exported.stdout);
    assert!(exported.stdout.ends_with("}\n"));
}
