use super::*;
use crate::doctor::finding::Status;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn end(is_here: bool, rules: Vec<Rule>) -> End {
    End {
        interface: "wg0".to_owned(),
        place: "the container of process 9".to_owned(),
        is_here,
        addresses: vec![ip("10.200.0.1")],
        forwards: Some(true),
        rules: Ok(rules),
        peers: Ok(vec![WgPeer {
            public_key: "P=".to_owned(),
            allowed_ips: vec!["10.200.0.2/32".to_owned()],
            handshake_age_s: Some(5),
            rx_bytes: 1,
            tx_bytes: 1,
        }]),
    }
}

fn published(address: &str) -> Vec<Published> {
    vec![Published {
        address: ip(address),
        port: 26_659,
        by: "docker-proxy (process 8)".to_owned(),
    }]
}

/// The node in its container, listening, on a machine with wg0.
fn view(ends: Vec<End>, published: Vec<Published>) -> PathView {
    PathView {
        port: 26_659,
        node_listens: true,
        node_is_here: false,
        node: vec![ip("127.0.0.1"), ip("10.1.0.3")],
        machine: vec![ip("127.0.0.1"), ip("172.17.0.1"), ip("10.200.0.1")],
        public: None,
        published,
        ends,
        has_gateway: false,
    }
}

fn ids(view: &PathView) -> Vec<&'static str> {
    let bad = judge(view)
        .into_iter()
        .filter(|it| it.status != Status::Fine);
    bad.map(|finding| finding.id).collect()
}

fn to(address: &str) -> Rule {
    Rule::Dnat { to: ip(address) }
}

#[test]
fn approach_1_wireguard_in_a_container_leads_nowhere() {
    let found = judge(&view(vec![end(false, Vec::new())], Vec::new()));
    assert_eq!(found[0].id, "path.no_way_from_container");
    assert!(found[0].remedy[0].starts_with("tmkms gateway"), "{found:?}");
}

#[test]
fn approach_2_is_as_good_as_what_listens_at_its_target() {
    let nat = || vec![end(false, vec![to("172.17.0.1"), Rule::Masquerade])];
    assert_eq!(
        ids(&view(nat(), published("127.0.0.1"))),
        ["path.published_on_loopback", "path.translated_to_nothing"]
    );
    assert_eq!(
        ids(&view(nat(), published("0.0.0.0"))),
        ["path.published_everywhere"]
    );
    let no_node = PathView {
        node_listens: false,
        ..view(nat(), published("0.0.0.0"))
    };
    let expected = ["path.proxy_without_node", "path.published_everywhere"];
    assert_eq!(ids(&no_node), expected);
    let bare = vec![end(false, vec![to("10.1.0.3")])];
    assert_eq!(ids(&view(bare, Vec::new())), ["path.no_masquerade"]);
    let good = vec![end(false, vec![to("10.1.0.3"), Rule::Masquerade])];
    assert_eq!(ids(&view(good, Vec::new())), [""; 0]);
}

#[test]
fn approach_3_is_as_good_as_the_address_it_is_published_on() {
    let host = || vec![end(true, Vec::new())];
    assert_eq!(
        ids(&view(host(), published("127.0.0.1"))),
        ["path.published_on_loopback"]
    );
    assert_eq!(
        ids(&view(host(), published("0.0.0.0"))),
        ["path.published_everywhere"]
    );
    assert_eq!(ids(&view(host(), published("10.200.0.1"))), [""; 0]);
    let public = PathView {
        public: Some(ip("203.0.113.2")),
        ..view(host(), published("0.0.0.0"))
    };
    assert_eq!(ids(&public), ["path.published_to_everybody"]);
}

#[test]
fn option_a_is_closed_by_a_rule_that_means_the_internet() {
    let here = |rules| PathView {
        node_is_here: true,
        ..view(vec![end(true, rules)], Vec::new())
    };
    assert_eq!(ids(&here(vec![Rule::Closed])), ["path.closed_by_firewall"]);
    assert_eq!(ids(&here(Vec::new())), [""; 0]);
}

#[test]
fn option_b_needs_a_translation_forwarding_and_narrow_allowed_ips() {
    assert_eq!(
        ids(&view(vec![end(true, Vec::new())], Vec::new())),
        ["path.no_way"]
    );
    let mended = || end(true, vec![to("10.1.0.3")]);
    assert_eq!(ids(&view(vec![mended()], Vec::new())), [""; 0]);
    let no_forwarding = End {
        forwards: Some(false),
        ..mended()
    };
    assert_eq!(
        ids(&view(vec![no_forwarding], Vec::new())),
        ["path.no_forwarding"]
    );
    let mut wide = mended();
    wide.peers.as_mut().unwrap()[0].allowed_ips = vec!["0.0.0.0/0".to_owned()];
    assert_eq!(
        ids(&view(vec![wide], Vec::new())),
        ["path.wg_allows_everything"]
    );
    let elsewhere = end(true, vec![to("10.9.9.9")]);
    assert_eq!(
        ids(&view(vec![elsewhere], Vec::new())),
        ["path.translated_elsewhere"]
    );
}

#[test]
fn while_the_node_does_not_run_nobody_knows_where_it_would() {
    let gone = |ends, published| PathView {
        node_listens: false,
        node: Vec::new(),
        ..view(ends, published)
    };
    let host = || vec![end(true, Vec::new())];
    let found = judge(&gone(host(), Vec::new()));
    assert_eq!(
        (found[0].id, found[0].status),
        ("path.no_way", Status::Warning)
    );
    let denied = gone(vec![end(true, vec![Rule::Closed])], Vec::new());
    assert_eq!(ids(&denied)[0], "path.closed_by_firewall");
    let bare = gone(vec![end(false, vec![to("10.1.0.3")])], Vec::new());
    assert_eq!(ids(&bare), ["path.no_masquerade"]);
    let loopback = gone(host(), published("127.0.0.1"));
    let expected = ["path.proxy_without_node", "path.published_on_loopback"];
    assert_eq!(ids(&loopback), expected);
}

#[test]
fn what_may_not_be_read_is_said_with_root() {
    let closed = End {
        rules: Err("not permitted".to_owned()),
        peers: Err("not permitted".to_owned()),
        ..end(true, Vec::new())
    };
    let view = view(vec![closed], Vec::new());
    assert_eq!(ids(&view), ["path.rules_unseen", "path.wg_unseen"]);
    assert!(
        judge(&view)
            .iter()
            .all(|it| it.remedy[0].contains("run as root"))
    );
}

#[test]
fn end_without_a_peer_or_without_a_handshake_is_told() {
    let mut none = end(true, vec![to("10.1.0.3")]);
    none.peers = Ok(Vec::new());
    assert_eq!(ids(&view(vec![none], Vec::new())), ["path.wg_no_peer"]);
    for (age, expected) in [(Some(180), None), (Some(181), Some(())), (None, Some(()))] {
        let mut old = end(true, vec![to("10.1.0.3")]);
        old.peers.as_mut().unwrap()[0].handshake_age_s = age;
        let found = ids(&view(vec![old], Vec::new()));
        let expected = expected.map(|()| "path.wg_no_handshake");
        assert_eq!(found.first().copied(), expected, "{age:?}");
    }
}

#[test]
fn node_without_any_published_port_is_fine() {
    assert_eq!(ids(&view(Vec::new(), Vec::new())), [""; 0]);
}
