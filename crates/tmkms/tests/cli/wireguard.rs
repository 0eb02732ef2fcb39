//! `tmkms wireguard`, and `[wireguard]` in tmkms.toml.

use std::net::UdpSocket;

use crate::home::Home;
use crate::transcript::transcripts;

transcripts! { "wireguard":
    as_in_production_md
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

/// As when the kernel has an interface from the same file.
#[test]
fn a_tunnel_does_not_get_an_address_of_this_machine() {
    let source = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        // Nobody's network (RFC 5737): this asks for a route and sends nothing.
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    let Ok(source) = source else {
        println!("skipped: this machine has no address but its own");
        return;
    };
    let address = source.ip();
    let home = Home::new();
    home.must("tmkms init kms -n kira --addr tcp://10.200.0.1:26659");
    home.must(&format!(
        "umask 077; tmkms wireguard pair --endpoint 192.0.2.1 --signer-address {address} --signer \
         kms/wg0.conf && printf '[wireguard]\\nconfig = \"wg0.conf\"\\n' >> kms/tmkms.toml"
    ));
    for command in ["config check", "start"] {
        let done = home.sh(&format!("tmkms {command} -c kms/tmkms.toml"));
        assert_eq!(done.code, 1, "{command}: {}", done.stderr);
        let expected = format!(
            "error: {address}, the Address in kms/wg0.conf, is already an address of this machine. \
             If the kernel's WireGuard has it, run `wg-quick down` for its interface: a tunnel has \
             one end here, not two\n"
        );
        assert_eq!(done.stderr, expected, "{command}");
    }
}
