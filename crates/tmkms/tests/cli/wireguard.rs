//! `tmkms wireguard`, and `[wireguard]` in tmkms.toml.

use crate::home::Home;
use crate::transcript::transcripts;

transcripts! { "wireguard":
    keys
    pair
    pair_mistakes
    pair_with_everything
    pair_writes_both_or_none
    tunnels_in_the_configuration
    tunnels_with_mistakes
}

/// Keys of either program are keys of the other, with the same public key.
#[test]
fn keys_are_those_of_wg() {
    let home = Home::new();
    if home.sh("command -v wg").code != 0 {
        println!("skipped: there is no wg to compare with");
        return;
    }
    for program in ["wg", "tmkms wireguard"] {
        let script = format!("umask 077; {program} genkey > private");
        home.must(&script);
        let ours = home.must("tmkms wireguard pubkey < private");
        assert_eq!(ours, home.must("wg pubkey < private"), "{program}");
    }
    assert_eq!(
        home.must("wg genpsk | wc -c"),
        home.must("tmkms wireguard genpsk | wc -c")
    );
}
