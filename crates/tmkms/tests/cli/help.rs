//! `tmkms help`, `tmkms version`, `tmkms completions`, `tmkms man`, and mistakes in the arguments.

use crate::home::Home;
use crate::transcript::transcripts;

transcripts! { "help":
    config_check
    demo
    harness
    help
    identity_new
    init
    key_show
    man
    no_arguments
    softsign_import
    softsign_keygen
    start
    state_import
    unknown
    version
    wireguard_pair
}

#[test]
fn completions_are_scripts_of_their_shell() {
    let home = Home::new();
    for (shell, sign) in [
        ("bash", "complete -F _tmkms"),
        ("zsh", "#compdef tmkms"),
        ("fish", "complete -c tmkms"),
    ] {
        let done = home.tmkms(&["completions", shell]);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{shell}");
        assert!(done.stdout.contains(sign), "{shell}");
        for command in ["softsign", "identity", "state", "config", "demo"] {
            assert!(done.stdout.contains(command), "{shell}: {command}");
        }
    }
    let bash = home.sh("command -v bash > /dev/null || exit 77; tmkms completions bash | bash -n");
    if bash.code == 77 {
        println!("skipped: there is no bash to check the script with");
    } else {
        assert_eq!((bash.code, bash.stderr.as_str()), (0, ""));
    }
}

#[test]
fn man_pages_name_their_command_and_options() {
    let home = Home::new();
    home.must("tmkms man pages");
    let page = home.read("pages/tmkms-start.1");
    assert!(page.starts_with(".ie") && page.contains(".TH"), "{page}");
    for text in ["TMKMS_CONFIG_FILE", "allow\\-insecure\\-permissions"] {
        assert!(page.contains(text), "{text} in {page}");
    }
    assert!(home.read("pages/tmkms.1").contains("tmkms\\-softsign(1)"));
}

#[test]
fn every_command_has_help() {
    let home = Home::new();
    let pages = home.must("tmkms man pages > /dev/null && ls pages");
    for page in pages.lines() {
        // A command's own hyphen looks like the space between two commands.
        let page = page
            .trim_end_matches(".1")
            .replace("rotate-identity", "rotate_identity");
        let words = page.replace('-', " ").replace('_', "-");
        let help = home.must(&format!("{words} --help"));
        assert!(help.contains(&format!("Usage: {words}")), "{words}: {help}");
    }
}
