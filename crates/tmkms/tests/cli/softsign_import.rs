//! `tmkms softsign import`.

use crate::home::Home;
use crate::transcript::transcripts;

transcripts! { "softsign_import":
    base64_forms_of_one_key
    damaged_state
    existing_key_is_kept
    existing_mark_is_kept
    from_the_nodes_own_directory
    linked_key
    mark_before_key
    missing_directory
    no_key_at_all
    no_state
    node_key_with_its_state
    secp256k1
    standard_input
    state_of_a_node_that_signed_nothing
    state_of_another_chain
    state_of_tmkms
    state_that_is_given
    state_that_names_no_chain
    wrong_format
    wrong_type
}

#[test]
fn a_key_that_this_user_may_not_read_is_told_with_a_remedy() {
    let home = Home::new();
    let Some(unprivileged) = home.unprivileged() else {
        return;
    };
    home.must("mkdir -m 0777 dst && chmod 0000 node/config/priv_validator_key.json");
    let done = home.sh(&format!(
        "{unprivileged}tmkms softsign import node/config/priv_validator_key.json dst/kms.key"
    ));
    assert_eq!(done.code, 1);
    let start = "error: key file node/config/priv_validator_key.json cannot be read: permission \
                 denied for uid ";
    assert!(done.stderr.starts_with(start), "{}", done.stderr);
    assert!(done.stderr.contains(". Run `ch"), "{}", done.stderr);
    assert_eq!(home.must("ls dst"), "");
}

/// A state that cannot be seen is not the same as none.
#[test]
fn a_state_that_this_user_may_not_look_for_stops_the_import() {
    let home = Home::new();
    let Some(unprivileged) = home.unprivileged() else {
        return;
    };
    home.must("mkdir -m 0777 dst && chmod 0000 node/data");
    let done = home.sh(&format!(
        "{unprivileged}tmkms softsign import node/config/priv_validator_key.json dst/kms.key"
    ));
    home.must("chmod 0700 node/data");
    assert_eq!(done.code, 1);
    let file = home.path("node/data/priv_validator_state.json");
    assert_eq!(
        done.stderr,
        format!(
            "error: cannot see whether {} exists: Permission denied (os error 13). It says what \
             the node signed last: run this as a user who may read it, or give a copy with \
             --state\n",
            file.display()
        )
    );
    assert_eq!(home.must("ls dst"), "");
}
