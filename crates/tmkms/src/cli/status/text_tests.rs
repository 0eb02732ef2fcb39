use super::*;
use crate::observe::document::{FORMAT, Heights, Key, LastRefusal, Refusals, Signatures};

fn trouble() -> Trouble {
    Trouble {
        kind: "refused".to_owned(),
        text: "connection refused".to_owned(),
        advice: "the node is down".to_owned(),
        first_s: 200,
        last_s: 1,
    }
}

fn document() -> Document {
    let stage = |p50_ns, p99_ns, max_ns| Percentiles {
        count: 30,
        p50_ns,
        p99_ns,
        max_ns,
        ..Percentiles::default()
    };
    let chain = Chain {
        id: "testnet-1".to_owned(),
        key: Key {
            algorithm: "Ed25519".to_owned(),
            public_key: "kiravalconspub1x".to_owned(),
            address: "00AA".to_owned(),
            provider: "softsign".to_owned(),
            file: KeyFile::Same,
        },
        last_signed: Some(LastSigned {
            height: 120,
            round: 0,
            step: 2,
            age_s: Some(3),
            unix_ms: None,
        }),
        heights: Heights {
            newest: 120,
            marks: "SS.SSp.SSSSSSSSS".to_owned(),
            missed: 3,
        },
        signatures: Signatures {
            proposals: 1,
            prevotes: 15,
            precommits: 14,
            repeated: 2,
            raw_bytes: 0,
        },
        refusals: vec![Refusals {
            cause: "conflict".to_owned(),
            count: 1,
        }],
        last_refusal: Some(LastRefusal {
            cause: "conflict".to_owned(),
            text: "double sign refused at 119/0/1".to_owned(),
            age_s: 119,
        }),
        latency: Latency {
            decode: stage(950, 1_100, 12_345),
            commit: stage(131_000, 1_250_000, 2_000_000_000),
            sync: stage(120_000, 1_200_000, 1_900_000_000),
            sign: stage(20_000, 20_900, 21_999),
            write: stage(9_999, 10_000, 10_001),
            total: stage(160_000, 1_300_000, 2_000_100_000),
        },
        ..Chain::default()
    };
    let node = |address: &str, state, for_s, tries, trouble| Node {
        chain: "testnet-1".to_owned(),
        address: address.to_owned(),
        protocol_version: Some("v0.34".to_owned()),
        state,
        for_s,
        tries,
        trouble,
        ..Node::default()
    };
    let nodes = vec![
        node("tcp://a:26659", NodeState::Connected, 11_520, 0, None),
        Node {
            contradicted: Some("it sends vote extensions".to_owned()),
            tunnel: Some("wg0".to_owned()),
            ..node(
                "tcp://b:26659",
                NodeState::Connected,
                60,
                0,
                Some(trouble()),
            )
        },
        node("tcp://c:26659", NodeState::Waiting, 200, 1, Some(trouble())),
    ];
    Document {
        format: FORMAT,
        version: "0.1.0".to_owned(),
        pid: 7,
        time: "2026-11-23T08:00:00Z".to_owned(),
        started: "2026-11-20T05:00:00Z".to_owned(),
        started_unix_ms: 0,
        uptime_s: 270_000,
        verdict: Verdict::Ready,
        chains: vec![chain],
        nodes,
        tunnels: Vec::new(),
        forwards: Vec::new(),
        process: None,
    }
}

#[test]
fn whole_status_to_the_letter() {
    let expected = "\
can sign: tmkms 0.1.0, process 7, running for 3 d 3 h

chain testnet-1: ready
  node         tcp://a:26659: connected for 3 h 12 min
  node         tcp://b:26659: connected for 60 s, inside the tunnel wg0
               not v0.34, as protocol_version says: it sends vote extensions
               1 s ago: connection refused
  node         tcp://c:26659: not connected for 3 min, 1 try
               connection refused: the node is down
  last signed  120/0/2, 3 s ago
  heights      13 of the last 16 signed, 3 missed since the start
  signatures   1 proposal, 15 prevotes, 14 precommits, 2 repeated
  refused      1 conflict
               119 s ago: double sign refused at 119/0/1
  key          kiravalconspub1x
               Ed25519, softsign, address 00AA
  latency         median      99 %   longest
    decode        950 ns    1.1 µs     12 µs
    commit        131 µs    1.2 ms     2.0 s
      sync        120 µs    1.2 ms     1.9 s
    sign           20 µs     20 µs     21 µs
    write         9.9 µs     10 µs     10 µs
    total         160 µs    1.3 ms     2.0 s
";
    assert_eq!(render(&document(), Colour::Off), expected);
}

#[test]
fn example_in_the_documentation_is_what_is_printed() {
    let mut shown = document();
    (shown.pid, shown.uptime_s) = (1, 11_520);
    let mended = Trouble {
        last_s: 11_470,
        ..trouble()
    };
    shown.nodes = vec![Node {
        address: "tcp://sekai.local:26659".to_owned(),
        for_s: 11_465,
        trouble: Some(mended),
        ..shown.nodes.remove(0)
    }];
    let chain = &mut shown.chains[0];
    chain.last_signed = Some(LastSigned {
        height: 2_141,
        round: 0,
        step: 2,
        age_s: Some(3),
        unix_ms: None,
    });
    chain.heights = Heights {
        newest: 2_141,
        marks: "S".repeat(100),
        missed: 0,
    };
    chain.signatures = Signatures {
        proposals: 12,
        prevotes: 2_141,
        precommits: 2_141,
        ..Signatures::default()
    };
    chain.refusals.clear();
    chain.last_refusal = None;
    let stage = |p50_ns, p99_ns, max_ns| Percentiles {
        count: 4_294,
        p50_ns,
        p99_ns,
        max_ns,
        ..Percentiles::default()
    };
    chain.latency = Latency {
        decode: stage(1_400, 3_100, 21_000),
        commit: stage(131_000, 480_000, 3_900_000),
        sync: stage(118_000, 450_000, 3_800_000),
        sign: stage(19_000, 27_000, 110_000),
        write: stage(12_000, 30_000, 240_000),
        total: stage(170_000, 540_000, 4_100_000),
    };
    let page = include_str!("../../../../../docs/status.md");
    let (_, example) = page.split_once("```text\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let key = |line: &&str| line.contains("valconspub1") || line.contains("address");
    let without_key = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !key(line));
        lines.map(str::to_owned).collect()
    };
    let printed = render(&shown, Colour::Off);
    assert_eq!(without_key(example), without_key(&printed));
}

#[test]
fn colour_changes_no_other_character() {
    let coloured = render(&document(), Colour::On);
    assert!(coloured.contains("\x1b[1;32mcan sign\x1b[0m"), "{coloured}");
    assert!(
        coloured.contains("\x1b[1;31mnot connected\x1b[0m"),
        "{coloured}"
    );
    let mut plain = coloured;
    for code in ["\x1b[1;31m", "\x1b[1;32m", "\x1b[1;33m", "\x1b[0m"] {
        plain = plain.replace(code, "");
    }
    assert_eq!(plain, render(&document(), Colour::Off));
}

#[test]
fn chain_that_signs_nothing_says_why() {
    let mut stopped = document();
    stopped.verdict = Verdict::CannotSign;
    let chain = &mut stopped.chains[0];
    chain.state = ChainState::Stopped;
    chain.why = Some("mend the disk".to_owned());
    chain.last_signed = None;
    chain.heights = Heights::default();
    chain.key.file = KeyFile::Gone;
    chain.signatures = Signatures::default();
    chain.refusals.clear();
    chain.last_refusal = None;
    chain.latency = Latency::default();
    stopped.nodes.clear();
    let expected = "\
cannot sign: tmkms 0.1.0, process 7, running for 3 d 3 h

chain testnet-1: stopped
  because      mend the disk
  last signed  nothing yet
  signatures   none
  refused      none
  key          kiravalconspub1x
               Ed25519, softsign, address 00AA
               its file is gone since the start
";
    assert_eq!(render(&stopped, Colour::Off), expected);
}

#[test]
fn what_will_go_wrong_is_told_before_it_does() {
    let mut told = document();
    told.verdict = Verdict::CannotSign;
    told.chains[0].state_trouble = Some("state.json was replaced by another one".to_owned());
    told.nodes.truncate(1);
    told.nodes[0].overdue_s = Some(61);
    let expected = "\
cannot sign: tmkms 0.1.0, process 7, running for 3 d 3 h

chain testnet-1: cannot sign
  because      state.json was replaced by another one
  node         tcp://a:26659: connected for 3 h 12 min
               stuck for 61 s
";
    let found = render(&told, Colour::Off);
    assert!(found.starts_with(expected), "{found}");
}

#[test]
fn tunnel_to_the_letter() {
    let told = Tunnel {
        name: "wg0".to_owned(),
        public_key: "OURS=".to_owned(),
        listen_port: Some(51_820),
        addresses: vec!["10.200.0.2/32".to_owned()],
        mtu: Some(1_420),
        unknown_datagrams: 12,
        peers: vec![
            TunnelPeer {
                public_key: "THEIRS=".to_owned(),
                endpoint: Some("203.0.113.1:51820".to_owned()),
                allowed_ips: vec!["10.200.0.1/32".to_owned(), "fd00::1/128".to_owned()],
                handshake_age_s: Some(45),
                handshake_unix_s: None,
                rx_bytes: 1_023,
                tx_bytes: 5 * 1024 * 1024 + 10_486,
                mtu: Some(1_280),
                path_mtu: Some(1_216),
                persistent_keepalive_s: Some(25),
                trouble: Some(trouble()),
            },
            TunnelPeer {
                public_key: "OTHER=".to_owned(),
                ..TunnelPeer::default()
            },
        ],
        ended: None,
    };
    let expected = "\
tunnel wg0
  public key   OURS=
  UDP port     51820
  addresses    10.200.0.2/32
  MTU          1420
  dropped      12 datagrams of nobody known
  peer         THEIRS=
    endpoint   203.0.113.1:51820
    allowed    10.200.0.1/32, fd00::1/128
    handshake  45 s ago
    transfer   1023 B received, 5.01 MiB sent
    MTU        1280, and the path carries 1216 only
    keepalive  every 25 s
    trouble    1 s ago: connection refused: the node is down
  peer         OTHER=
    endpoint   not known yet
    allowed    \n    handshake  none yet
    transfer   0 B received, 0 B sent
";
    let found = tunnel(&told, Colour::Off);
    assert_eq!(found, expected);
}

#[test]
fn forwards_to_the_letter() {
    let idle = Forward {
        listen: 26_659,
        upstream: "sekai.local:26659".to_owned(),
        allowed: vec!["10.200.0.2/32".to_owned()],
        state: ForwardState::Idle,
        signer: None,
        why: None,
        sessions: 0,
        refused: 0,
        strangers: 0,
    };
    let expected = "\
port 26659: no signer
  node         sekai.local:26659
  allowed      10.200.0.2/32
  attempts     none
";
    assert_eq!(forward(&idle, Colour::Off), expected);
    let holding = Forward {
        state: ForwardState::Holding,
        why: Some("sekai.local:26659: connection refused".to_owned()),
        sessions: 2,
        refused: 7,
        strangers: 1,
        ..idle.clone()
    };
    let expected = "\
port 26659: a signer waits for the node
  node         sekai.local:26659
  because      sekai.local:26659: connection refused
  allowed      10.200.0.2/32
  attempts     2 connections, 7 refused for the node, 1 of strangers
";
    assert_eq!(forward(&holding, Colour::Off), expected);
    let forwarding = Forward {
        state: ForwardState::Forwarding,
        signer: Some("10.200.0.2:50000".to_owned()),
        ..idle
    };
    let text = forward(&forwarding, Colour::Off);
    assert!(text.starts_with("port 26659: connected\n"), "{text}");
    assert!(
        text.contains("\n  signer       10.200.0.2:50000\n"),
        "{text}"
    );
}
