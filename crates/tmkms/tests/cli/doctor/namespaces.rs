//! The node in a container, and the machine around it: network namespaces, the packet filter, and
//! what Docker puts in front.
//!
//! The node here is a process that has a file of the node's database open. With the real one, and
//! with wireguard-go, the same is in `crates/e2e`.

use std::process::Command;

use super::Diagnosis;
use crate::home::Home;
use crate::sandbox::left_out;

/// Runs a script in a user, network and mount namespace of its own, and `tmkms doctor` at its end.
/// `NODE` starts the node in a network of its own, and `LISTEN ADDRESS` something that listens.
fn look(script: &str) -> Option<Diagnosis> {
    let home = Home::new();
    let probe = home.sh("unshare --map-root-user --net --mount nft list ruleset && perl -v");
    let why = "no network namespace with nft can be made here";
    if left_out((probe.code != 0).then(|| why.to_owned())) {
        return None;
    }
    home.must(
        "mkdir -p sekai/config sekai/data/blockstore.db && : > sekai/data/blockstore.db/LOCK &&
         printf 'priv_validator_laddr = \"tcp://0.0.0.0:26659\"\n' > sekai/config/config.toml",
    );
    std::fs::write(home.path("listen.pl"), LISTENER).unwrap();
    let script = format!("{PREAMBLE}{script}\n{FINALE}");
    let mut command = Command::new("unshare");
    command.args([
        "--map-root-user",
        "--net",
        "--mount",
        "--pid",
        "--fork",
        "--mount-proc",
    ]);
    command.args(["sh", "-ec", &script]);
    Some(Diagnosis::run(&home, &mut command))
}

/// Listens, says so, and waits to be ended with its namespace.
const LISTENER: &str = "\
use IO::Socket::INET;
my $s = IO::Socket::INET->new(LocalAddr => $ARGV[0], LocalPort => 26659, Listen => 5) or die $!;
print \"ready\\n\"; close STDOUT; sleep 60;
";

const PREAMBLE: &str = "\
ip link set lo up
ip link add kiranet type bridge; ip link set kiranet up; ip address add 10.1.0.1/16 dev kiranet
# A holder of the container's network.
unshare --net sleep 60 & container=$!
while [ \"$(readlink /proc/$container/ns/net)\" = \"$(readlink /proc/self/ns/net)\" ]; do sleep 0.01; done
ip link add sekai type veth peer name eth0 netns $container; ip link set sekai master kiranet up
in_container() { nsenter --net -t $container -- \"$@\"; }
in_container ip link set lo up; in_container ip link set eth0 up
in_container ip address add 10.1.0.3/16 dev eth0; in_container ip route add default via 10.1.0.1
NODE() { (exec nsenter --net -t $container -- perl listen.pl 0.0.0.0 < sekai/data/blockstore.db/LOCK > ready) & until grep -q ready ready; do sleep 0.01; done; }
HOST_NODE() { (exec perl listen.pl 0.0.0.0 < sekai/data/blockstore.db/LOCK > ready) & until grep -q ready ready; do sleep 0.01; done; }
LISTEN() { perl listen.pl $1 > ready2 & until grep -q ready ready2; do sleep 0.01; done; }
WG() { ip link add wg0 type veth peer name peer0; ip link set wg0 up; ip address add 10.200.0.1/24 dev wg0; }
";

/// All processes of the namespace end with its first one.
const FINALE: &str = "exec tmkms doctor --json --node-home sekai 2>/dev/null";

#[test]
fn port_published_on_loopback_only_is_refused_inside_the_tunnel() {
    let Some(found) = look("NODE; WG; LISTEN 127.0.0.1") else {
        return;
    };
    found
        .has(
            "path.published_on_loopback",
            "broken",
            "\"10.200.0.1:26659:26659\" in `ports:`",
        )
        .lacks("path.no_way");
}

#[test]
fn port_published_to_everybody_is_told_by_the_addresses_of_the_machine() {
    let Some(found) = look("NODE; WG; LISTEN 0.0.0.0") else {
        return;
    };
    found.has("path.published_everywhere", "warning", "tmkms gateway");
    let public = "ip address add 203.0.113.2/32 dev lo; NODE; WG; LISTEN 0.0.0.0";
    look(public)
        .unwrap()
        .has("path.published_to_everybody", "broken", "tmkms gateway")
        .tells("path.published_to_everybody", "203.0.113.2");
}

#[test]
fn proxy_before_a_node_that_does_not_listen_is_the_io_error() {
    let Some(found) = look("WG; LISTEN 0.0.0.0") else {
        return;
    };
    found
        .has(
            "path.proxy_without_node",
            "broken",
            "scaller start --restart always",
        )
        .tells("path.proxy_without_node", "protocol error: I/O error")
        .has("port.no_process", "broken", "tmkms start");
}

#[test]
fn node_in_a_container_that_nothing_leads_to_is_refused() {
    let Some(found) = look("NODE; WG") else {
        return;
    };
    found.has("path.no_way", "broken", "tmkms gateway").has(
        "path.no_way",
        "broken",
        "--to-destination 10.1.0.3:26659",
    );
}

const DNAT: &str = "nft 'table ip t { chain p { type nat hook prerouting priority -100; iifname \"wg0\" tcp dport 26659 dnat to 10.1.0.3:26659; }; }'";

#[test]
fn translation_without_forwarding_hangs() {
    let Some(found) = look(&format!(
        "NODE; WG; {DNAT}; echo 0 > /proc/sys/net/ipv4/ip_forward"
    )) else {
        return;
    };
    found.has(
        "path.no_forwarding",
        "broken",
        "sysctl -w net.ipv4.ip_forward=1",
    );
    look(&format!(
        "NODE; WG; {DNAT}; echo 1 > /proc/sys/net/ipv4/ip_forward"
    ))
    .unwrap()
    .lacks("path.no_forwarding")
    .lacks("path.no_way")
    .tells("path.translated", "is translated to the node");
}

#[test]
fn translation_to_the_wrong_address_is_told() {
    let Some(found) = look(&format!(
        "NODE; WG; {}",
        DNAT.replace("10.1.0.3", "10.9.9.9")
    )) else {
        return;
    };
    found.has(
        "path.translated_elsewhere",
        "broken",
        "--to-destination 10.1.0.3:26659",
    );
    look(&format!(
        "NODE; WG; LISTEN 127.0.0.1; {}",
        DNAT.replace("10.1.0.3", "10.1.0.1")
    ))
    .unwrap()
    .has(
        "path.translated_to_nothing",
        "broken",
        "--to-destination 10.1.0.3:26659",
    );
}

/// The guide's first and second approach: WireGuard in a container of its own.
#[test]
fn wireguard_in_a_container_of_its_own_leads_nowhere() {
    let inside = "unshare --net sleep 60 & wg=$!
while [ \"$(readlink /proc/$wg/ns/net)\" = \"$(readlink /proc/self/ns/net)\" ]; do sleep 0.01; done
in_wg() { nsenter --net -t $wg -- \"$@\"; }
in_wg ip link set lo up; in_wg ip link add wg0 type veth peer name peer0; in_wg ip link set wg0 up
in_wg ip address add 10.200.0.1/24 dev wg0; in_wg sysctl -q -w net.ipv4.ip_forward=1
NODE\n";
    let Some(found) = look(inside) else {
        return;
    };
    found
        .has("path.no_way_from_container", "broken", "tmkms gateway")
        .has("path.no_way_from_container", "broken", "MASQUERADE");
    look(&format!("{inside}in_wg {DNAT}"))
        .unwrap()
        .has("path.no_masquerade", "broken", "MASQUERADE")
        .lacks("path.no_way_from_container");
    let hidden = "in_wg nft 'table ip m { chain p { type nat hook postrouting priority 100; oifname \"eth0\" masquerade; }; }'";
    look(&format!("{inside}in_wg {DNAT}; {hidden}"))
        .unwrap()
        .lacks("path.no_masquerade");
}

/// `ufw deny 26659/tcp` with the node on the machine's own network.
#[test]
fn rule_that_denies_the_port_means_the_tunnel_too() {
    let deny = "nft 'table ip f { chain i { type filter hook input priority 0; tcp dport 26659 drop; }; }'";
    let Some(found) = look(&format!("HOST_NODE; WG; {deny}")) else {
        return;
    };
    found.has(
        "path.closed_by_firewall",
        "broken",
        "ufw insert 1 allow in on wg0",
    );
}

/// The answer to "never expose port 26659".
#[test]
fn port_that_the_internet_reaches_is_broken() {
    let Some(found) = look("ip address add 203.0.113.2/32 dev lo; HOST_NODE") else {
        return;
    };
    found
        .has("port.public", "broken", "tcp://10.200.0.1:26659")
        .tells("port.public", "203.0.113.2:26659");
}

/// WireGuard of a program, of which wg(8) tells as of the kernel's.
const WIREGUARD: &str = "\
mount -t tmpfs tmpfs /run; wireguard-go wg0 > /dev/null 2>&1
(umask 077; wg genkey > key); wg set wg0 private-key key
ip link set wg0 up; ip address add 10.200.0.1/24 dev wg0
";

#[test]
fn wireguard_of_the_host_without_a_peer_or_without_a_handshake_is_told() {
    let try_it = format!(
        "unshare --map-root-user --net --mount --pid --fork --mount-proc sh -ec '{WIREGUARD}'"
    );
    let probe = Home::new().sh(&try_it);
    let why = "wireguard-go does not run in a namespace here";
    if left_out((probe.code != 0).then(|| format!("{why}: {}", probe.stderr.trim()))) {
        return;
    }
    let Some(found) = look(&format!("NODE; {WIREGUARD}")) else {
        return;
    };
    found.has("path.wg_no_peer", "broken", "add [Peer]");
    let peer = "wg set wg0 peer $(wg genkey | wg pubkey) allowed-ips 0.0.0.0/0";
    look(&format!("NODE; {WIREGUARD}{peer}"))
        .unwrap()
        .has("path.wg_no_handshake", "broken", "ufw allow 51820/udp")
        .tells("path.wg_no_handshake", "no handshake yet")
        .has(
            "path.wg_allows_everything",
            "broken",
            "AllowedIPs = 10.200.0.2/32",
        );
}
