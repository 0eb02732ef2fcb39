//! `tmkms softsign keygen` and `tmkms identity new`.

use crate::home::Home;
use crate::transcript::transcripts;

transcripts! { "softsign_keygen":
    every_type
    existing_file_is_kept
    missing_directory
    not_a_file
    unknown_type
}

#[test]
fn a_directory_closed_to_this_user_is_told_with_a_remedy() {
    let home = Home::new();
    let Some(unprivileged) = home.unprivileged() else {
        return;
    };
    home.must("mkdir -m 0755 mine && chmod a-w mine");
    let done = home.sh(&format!("{unprivileged}tmkms softsign keygen mine/a.key"));
    let uid = home.must(&format!("{unprivileged}id -u"));
    let uid = uid.trim();
    assert_eq!(done.code, 1);
    assert_eq!(
        done.stderr,
        format!(
            "error: mine/a.key was not written: uid {uid} may not write into mine. Run the \
             command as the owner of that directory, or run `chown {uid} mine`\n"
        )
    );
    assert_eq!(home.must("ls mine"), "");
}

#[test]
fn what_is_written_is_in_the_form_of_tmkms() {
    let home = Home::new();
    home.must("tmkms softsign keygen a.key && tmkms identity new b.key");
    for file in ["a.key", "b.key"] {
        let text = home.read(file);
        assert_eq!(text.len(), 44, "{file}");
        assert!(text.ends_with('=') && !text.contains('\n'), "{file}");
    }
}
