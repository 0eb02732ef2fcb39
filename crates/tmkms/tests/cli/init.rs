//! `tmkms init`.

use crate::home::Home;
use crate::transcript::transcripts;

transcripts! { "init":
    any_chain
    bad_address
    bad_chain_id
    cosmoshub_without_a_name
    directory_in_place_of_the_configuration
    file_in_place_of_the_directory
    kira
    kira_with_its_own_chain_and_address
    modes_of_directories_that_exist_are_kept
    path_that_a_shell_would_split
    several_networks
    the_guides_directory
    then_import_then_check
    unknown_network
    what_is_there_is_kept
}

#[test]
fn a_directory_closed_to_this_user_is_told_with_a_remedy() {
    let home = Home::new();
    let Some(unprivileged) = home.unprivileged() else {
        return;
    };
    home.must("mkdir -m 0755 mine && chmod a-w mine");
    let done = home.sh(&format!("{unprivileged}tmkms init mine/kms -n kira"));
    let uid = home.must(&format!("{unprivileged}id -u"));
    let uid = uid.trim();
    assert_eq!(done.code, 1);
    assert_eq!(
        done.stderr,
        format!(
            "error: cannot create mine/kms: uid {uid} may not write into mine. Run the command as \
             the owner of that directory, or run `chown {uid} mine`\n"
        )
    );
}
