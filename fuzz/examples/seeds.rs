//! Writes the first inputs of every fuzz target: `seeds DIRECTORY` makes `DIRECTORY/TARGET/NUMBER`.
//!
//! They are made of what the real Go code wrote (`interop/vectors`), of the configurations and
//! keys that the tests use, and of a few scripts for the targets that read scripts.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use fuzz::peer::{MEETINGS, laid_over};
use fuzz::samples;
use guard::Knowledge;
// What is built with coverage needs somebody to report it to.
use libfuzzer_sys as _;
use serde_json::Value;
use store::Document;

type Seeds = Vec<Vec<u8>>;
type Outcome<T> = Result<T, Box<dyn Error>>;
type Maker = fn() -> Outcome<Seeds>;

fn main() -> Outcome<()> {
    let directory = std::env::args_os().nth(1);
    let directory = PathBuf::from(directory.ok_or("usage: seeds DIRECTORY")?);
    let targets: [(&str, Maker); 15] = [
        ("guard", guard),
        ("http_request", http_request),
        ("key_file", key_file),
        ("node_address", node_address),
        ("privval_canonical", privval_canonical),
        ("privval_request", privval_request),
        ("secret_connection_handshake", handshake),
        ("secret_connection_record", record),
        ("state_document", state_document),
        ("state_ring", state_ring),
        ("tmkms_toml", tmkms_toml),
        ("tunnel_insider", tunnel_insider),
        ("tunnel_netstack", tunnel_netstack),
        ("tunnel_strangers", tunnel_strangers),
        ("wg_conf", wg_conf),
    ];
    for (target, make) in targets {
        let place = directory.join(target);
        fs::create_dir_all(&place)?;
        for (number, seed) in make()?.iter().enumerate() {
            fs::write(place.join(format!("{number:03}")), seed)?;
        }
    }
    Ok(())
}

fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

fn vectors(file: &str) -> Outcome<Value> {
    let path = repository().join("interop/vectors").join(file);
    Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
}

/// A field of every case in a list of a vector file, as text.
fn texts(file: &str, list: &str, field: &str) -> Outcome<Vec<String>> {
    let vectors = vectors(file)?;
    let cases = vectors[list].as_array().ok_or("no such list")?;
    let texts: Vec<String> = cases
        .iter()
        .filter_map(|case| case[field].as_str().map(str::to_owned))
        .collect();
    if texts.is_empty() {
        return Err(format!("{file} has no {list}[].{field}").into());
    }
    Ok(texts)
}

fn bytes(file: &str, list: &str, field: &str) -> Outcome<Seeds> {
    let texts = texts(file, list, field)?;
    Ok(texts.iter().map(hex::decode).collect::<Result<_, _>>()?)
}

fn files(directory: &str, extension: &str) -> Outcome<Seeds> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(repository().join(directory))? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == extension) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths.iter().map(fs::read).collect::<Result<_, _>>()?)
}

fn with_prefixes(prefixes: &[u8], contents: &[Vec<u8>]) -> Seeds {
    let joined = prefixes
        .iter()
        .flat_map(|prefix| contents.iter().map(|c| [&[*prefix], &c[..]].concat()));
    joined.collect()
}

fn privval_canonical() -> Outcome<Seeds> {
    let mut seeds = bytes("sign_bytes.json", "votes", "sign_bytes")?;
    seeds.extend(bytes("sign_bytes.json", "proposals", "sign_bytes")?);
    seeds.extend(bytes("sign_bytes.json", "vote_extensions", "sign_bytes")?);
    Ok(seeds)
}

fn privval_request() -> Outcome<Seeds> {
    let mut streams = bytes("privval_messages.json", "requests", "bytes")?;
    streams.extend(bytes("privval_messages.json", "replies", "bytes")?);
    let all = streams.concat();
    streams.push(all.into_iter().take(1000).collect());
    let raw = privval::node_side::sign_raw_bytes_request("test_chain_id", b"raw", "id");
    streams.push(raw);
    streams.push(privval::node_side::sign_bytes_request(b"raw"));
    Ok(with_prefixes(&[3, 255], &streams))
}

/// Flags as the target has them: order 1, own first message 2, raw frame 4, own proof 8, own
/// length 16, over a stream 32, first message cut 64. Own ones are told by what they change.
fn handshake() -> Outcome<Seeds> {
    let mut seeds = Vec::new();
    for (order, meeting) in (0_u8..).zip(&*MEETINGS) {
        let first = |wanted: &[u8]| laid_over(&meeting.first, wanted);
        let auth = |wanted: &[u8]| laid_over(&meeting.auth, wanted);
        for stream in [0_u8, 32] {
            let cuts: &[u8] = if stream == 0 { &[] } else { &[0, 40, 1, 200] };
            let mut add = |flags: u8, parts: &[&[u8]]| {
                seeds.push([&[order | stream | flags], cuts, &parts.concat()].concat());
            };
            add(0, &[]);
            add(2, &[&[0; 35]]);
            add(2, &[&[1]]);
            add(64, &[&[34]]);
            add(8, &[&[0; 102]]);
            add(8, &[&[0; 50], &[1]]);
            add(2 | 8, &[&[0; 35], &[0; 103]]);
            add(8 | 16, &[&[103, 0]]);
            add(16, &[&[104, 0]]);
            add(16, &[&[69, 0]]);
            add(4, &[&meeting.auth_frame()]);
            let long = [&[107], &meeting.auth[1..], &[0x1a, 2, 7, 7]].concat();
            add(8, &[&auth(&long)]);
            let twice = [&[66, 0x0a, 0x23, 0x12, 0x21, 2], &meeting.auth[..]].concat();
            add(8, &[&auth(&twice)]);
        }
        for point in bytes(
            "secret_connection.json",
            "low_order",
            "remote_ephemeral_public",
        )? {
            let message = [&[0x22, 0x0a, 0x20], &point[..]].concat();
            seeds.push([&[order | 2], &first(&message)[..]].concat());
        }
        for end in ["a", "b"] {
            for case in vectors("secret_connection.json")?["handshakes"]
                .as_array()
                .ok_or("no handshakes")?
            {
                let part = |name: &str| hex::decode(case[end][name].as_str().unwrap_or_default());
                seeds.push([&[order | 8], &auth(&part("auth_message")?)[..]].concat());
                let (message, frame) = (part("ephemeral_message")?, part("auth_frame")?);
                seeds.push([&[order | 2 | 4], &first(&message)[..], &frame].concat());
            }
        }
    }
    Ok(seeds)
}

/// Order, four cuts, length of the buffer, how much to send; then frames: a kind and its choices.
fn record() -> Outcome<Seeds> {
    const WHOLE: &[u8] = &[0, b'x', 0xff, 3];
    const SHORT: &[u8] = &[1, b'y', 4, 0];
    let noise = [&[7_u8][..], &[0x5a; 1044]].concat();
    let scripts: Vec<Vec<u8>> = vec![
        vec![],
        [WHOLE, SHORT, WHOLE, SHORT].concat(),
        [SHORT, &[3, 5, 0, 0], b"hello"].concat(),
        [SHORT, &[3, 0, 0, 0], b"empty"].concat(),
        [WHOLE, &[3, 1, 4, 0]].concat(),
        [WHOLE, &[3, 255, 255, 16]].concat(),
        [SHORT, &[4, 9, 0, 1]].concat(),
        [SHORT, &[4, 0x0c, 4, 128]].concat(),
        [SHORT, SHORT, &[5, 1]].concat(),
        [SHORT, &[5, 0]].concat(),
        [SHORT, &[5, 2]].concat(),
        [WHOLE, &[6, 100, 0]].concat(),
        [WHOLE, &noise[..]].concat(),
    ];
    let heads: [&[u8]; 3] = [
        &[0, 255, 255, 255, 255, 0, 8, 100, 0],
        &[1, 0, 1, 2, 130, 0, 0, 1, 4],
        &[0, 7, 0, 200, 3, 9, 0, 0, 19],
    ];
    Ok(scripts
        .iter()
        .flat_map(|script| heads.map(|head| [head, script].concat()))
        .collect())
}

fn state_document() -> Outcome<Seeds> {
    let mut texts = texts("file_pv_state.json", "states", "json")?;
    texts.extend(self::texts("file_pv_state.json", "answers", "state_json")?);
    let mut seeds: Seeds = texts.into_iter().map(String::into_bytes).collect();
    for signed in bytes("sign_bytes.json", "votes", "sign_bytes")?
        .into_iter()
        .chain(bytes("sign_bytes.json", "proposals", "sign_bytes")?)
    {
        if let Ok(canonical) = privval::Canonical::parse(&signed) {
            let chain_id = canonical.chain_id().clone();
            let knowledge = Knowledge::Mark(guard::Mark::Signed(canonical));
            seeds.push(Document::to_json(&chain_id, &knowledge).into_bytes());
        }
    }
    let nothing = Document::to_json(&samples::chain(), &Knowledge::Nothing);
    seeds.push(nothing.into_bytes());
    for step in 0..=4 {
        let hash = "26C09F68AD57C6ED0F3AA5D8B8F34D1A9D8E5C8F0C4E7B5D6A1F2E3D4C5B6A79";
        let block = format!(r#"{{"hash":"{hash}","parts":{{"total":1,"hash":"{hash}"}}}}"#);
        for block in [block.as_str(), "null"] {
            let head = format!(r#"{{"height":"57","round":"0","step":{step}"#);
            seeds.push(format!(r#"{head},"block_id":{block}}}"#).into_bytes());
        }
    }
    Ok(seeds)
}

/// Which history; which files (1: the ring is changed, then in bits 1 to 3 what becomes of the
/// document); changes.
fn state_ring() -> Outcome<Seeds> {
    let mut seeds = Vec::new();
    for history in 0..20_u8 {
        seeds.push(vec![history, 0]);
        seeds.push(vec![history, 4 << 1]);
        seeds.push(vec![history, 5 << 1]);
        seeds.push(vec![history, 6 << 1, history ^ 1]);
        let slot = 2 + history % 16;
        // Torn, gone, from another time, and made right again, in the slot written last.
        seeds.push(vec![history, 1, 1, slot, 16, 0, 3, 9, 9, 9, 0]);
        seeds.push(vec![history, 1, 4, slot, 0]);
        seeds.push(vec![history, 1, 3, slot, 19, slot, 0]);
        seeds.push(vec![history, 1, 2, slot, 8, 0, 1, history + 1, 0]);
        seeds.push(vec![history, 1, 2, slot, 16, 0, 3, 0, 0, 0, 0]);
        let floor = [
            &[1][..],
            &9_i64.to_le_bytes(),
            &0_i32.to_le_bytes(),
            &[2, 0],
        ]
        .concat();
        let length = floor.len() as u8;
        let head = [history, 1, 2, slot, 16, 0, length];
        seeds.push([&head[..], &floor, &[0]].concat());
        let version = [history, 1, 2, 0, 8, 0, 1, 2, 0];
        seeds.push(version.to_vec());
        seeds.push(vec![history, 1, 5, 17, 0, 16, 0]);
    }
    for document in state_document()?.iter().step_by(7) {
        seeds.push([&[3, 7 << 1], &document[..]].concat());
    }
    Ok(seeds)
}

fn tmkms_toml() -> Outcome<Seeds> {
    files("crates/tmkms/tests/config", "toml")
}

fn wg_conf() -> Outcome<Seeds> {
    files("crates/tunnel/tests/conf", "conf")
}

/// The signer's packets to the gateway: TCP of several kinds, an echo request, and one each to and
/// from somebody else.
fn tunnel_insider() -> Outcome<Seeds> {
    const SIGNER: [u8; 4] = [10, 200, 0, 2];
    const GATEWAY: [u8; 4] = [10, 200, 0, 1];
    let packet = |protocol: u8, from: [u8; 4], to: [u8; 4], payload: &[u8]| {
        let len = u8::try_from(20 + payload.len()).unwrap_or(u8::MAX);
        let header = [len, 0, 0x45, 0, 0, len, 0, 0, 0, 0, 64, protocol, 0, 0];
        [&header[..], &from, &to, payload].concat()
    };
    let tcp = |flags: u8, option: &[u8]| {
        let words = u8::try_from(5 + option.len() / 4).unwrap_or(5);
        let header = [
            4,
            0,
            0x68,
            0x23,
            0,
            0,
            0,
            1,
            0,
            0,
            0,
            1,
            words << 4,
            flags,
            1,
            0,
            0,
            0,
            0,
            0,
        ];
        [&header[..], option].concat()
    };
    let syn = packet(6, SIGNER, GATEWAY, &tcp(2, &[2, 4, 5, 0xb4]));
    let data = packet(6, SIGNER, GATEWAY, &tcp(0x18, b"data"));
    let echo = [&[8, 0, 0, 0, 0x6d, 0x74, 5, 0x8c][..], b"tmkms tunnel MTU"].concat();
    let echo = packet(1, SIGNER, GATEWAY, &echo);
    let stray = packet(6, SIGNER, [10, 200, 0, 3], &tcp(2, &[]));
    let forged = packet(6, [10, 200, 0, 3], GATEWAY, &tcp(2, &[]));
    let all = [&syn[..], &data, &echo, &stray, &forged].concat();
    Ok(vec![syn, data, echo, stray, forged, all])
}

/// Steps of four bytes, and what follows them: SYNs to each port, the rest of a handshake, data,
/// and what our side does in between.
fn tunnel_netstack() -> Outcome<Seeds> {
    let open = [[1, 0x12, 1, 0], [3, 0, 1, 0], [6, 5, 0, 0]].concat();
    let held = [[1, 0x10, 1, 0], [6, 0, 0, 0], [3, 1, 1, 0]].concat();
    let refused = [[1, 0x10, 1, 0], [6, 1, 0, 0], [1, 0x11, 1, 0]].concat();
    let data = [&open[..], &[3, 0x40, 1, 1], b"sixsix", &[6, 3, 0, 0]].concat();
    let closed = [
        &open[..],
        &[3, 0x20, 1, 0],
        &[6, 4, 0, 0],
        &[5, 200, 200, 0],
    ]
    .concat();
    let dialled = [[7, 9, 0, 0], [3, 0x10, 1, 0], [6, 2, 0, 0], [5, 9, 100, 0]].concat();
    let reset = [&open[..], &[3, 0x30, 1, 0], &[5, 255, 255, 0]].concat();
    Ok(vec![open, held, refused, data, closed, dialled, reset])
}

/// Steps of three bytes, and what follows them: each message that was seen again, with a pause,
/// with a byte changed, and messages of each type that are only bytes.
fn tunnel_strangers() -> Outcome<Seeds> {
    let mut seeds: Seeds = (2..6).map(|kind| vec![kind, 0, 0]).collect();
    seeds.extend((2..6).map(|kind| vec![kind, 250, 0, kind, 250, 0]));
    seeds.extend((2..6).map(|kind| vec![kind, 20, 1, 0xff, kind, 4, 4, 1, 2, 3, 4]));
    for (message, len) in [(1, 148), (2, 92), (3, 64), (4, 32)] {
        let mut bytes = vec![0; usize::from(len)];
        bytes[0] = message;
        seeds.push([&[0, 1, len][..], &bytes].concat());
    }
    Ok(seeds)
}

/// What Prometheus and browsers send, and what others do.
fn http_request() -> Outcome<Seeds> {
    let texts = [
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:26661\r\n\r\n",
        "HEAD /metrics HTTP/1.0\r\n\r\n",
        "GET /readyz?within=30 HTTP/1.1\r\nAccept: */*\r\n\r\n",
        "POST /healthz HTTP/1.1\r\nContent-Length: 4\r\n\r\nstop",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /nowhere HTTP/1.1\n\n",
    ];
    Ok(texts.map(|text| text.as_bytes().to_vec()).into())
}

/// Every address in those files.
fn node_address() -> Outcome<Seeds> {
    let text = String::from_utf8(tmkms_toml()?.concat())?;
    let addresses = text
        .split("addr = \"")
        .skip(1)
        .filter_map(|rest| rest.split_once('"'));
    Ok(addresses
        .map(|(address, _)| address.as_bytes().to_vec())
        .collect())
}

/// Format 1 (JSON), algorithm 2 and 4, expected key 8 and 16, identity 128.
fn key_file() -> Outcome<Seeds> {
    let mut json = files("crates/keys/tests/data", "json")?;
    for field in ["priv_validator_key_json", "node_key_json"] {
        json.extend(
            texts("keys.json", "keys", field)?
                .into_iter()
                .map(Into::into),
        );
    }
    let base64: Seeds = [
        "P7JUzpNg/MZOWtCjX7G2hLlo5076qzNqL8ecO9o92kw=",
        "P7JUzpNg/MZOWtCjX7G2hLlo5076qzNqL8ecO9o92k0=\n",
        "P7JUzpNg/MZOWtCjX7G2hLlo5076qzNqL8ecO9o92kxZK6T/QyzplmdsdG//p97AJrDvUcQYozu2sALgAIiNsw==",
        "3fb254ce9360fcc64e5ad0a35fb1b684b968e74efaab336a2fc79c3bda3dda4c",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN AGE ENCRYPTED FILE-----",
        "age-encryption.org/v1",
        "",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    let mut public = texts("keys.json", "keys", "public_key_base64")?;
    public.extend(texts("keys.json", "keys", "priv_key_base64")?);
    let public: Seeds = public.into_iter().map(String::into_bytes).collect();
    let mut seeds = with_prefixes(&[1, 1 | 4, 0, 128], &json);
    seeds.extend(with_prefixes(&[0, 2, 4, 16, 1, 128], &base64));
    seeds.extend(with_prefixes(&[0, 4, 24, 1, 128], &public));
    seeds.push(b"\0\xef\xbb\xbf\xff\xfe".to_vec());
    Ok(seeds)
}

/// How the state begins, then what happens: up to 199 a request (place, content, time), 200 one
/// for another chain, 208 a restart, 216 a pause in seconds, 224 and 232 a failing commit, 240 a last height, 248 raw
/// bytes.
fn guard() -> Outcome<Seeds> {
    const PROPOSAL: u8 = 0x10;
    const PREVOTE: u8 = 0x11;
    const PRECOMMIT: u8 = 0x12;
    let round: Vec<u8> = [PROPOSAL, PREVOTE, PRECOMMIT]
        .iter()
        .flat_map(|place| [0, *place, 1, 7])
        .collect();
    let next: Vec<u8> = [PROPOSAL, PREVOTE, PRECOMMIT]
        .iter()
        .flat_map(|place| [0, place + 0x10, 1, 9])
        .collect();
    let parts: [&[u8]; 12] = [
        &[],
        &[216, 29, 0, 0x31, 1, 7, 216, 1, 0, 0x31, 1, 7, 0, 0x42, 1, 7],
        &[208, 0, 0x31, 1, 7, 216, 30, 0, 0x31, 1, 7, 0, 0x41, 1, 7],
        &[0, PRECOMMIT, 1, 8],
        &[0, PRECOMMIT, 2, 7],
        &[0, PRECOMMIT, 8, 7],
        &[0, PREVOTE, 1, 7, 208, 0, PRECOMMIT, 1, 7],
        &[224, 0, 0x20, 1, 7, 0, 0x20, 1, 7, 208, 0, 0x20, 2, 7],
        &[232, 0, 0x20, 1, 7, 208, 0, 0x20, 2, 7, 0, 0x20, 1, 7],
        &[200, 0x30, 1, 7],
        &[240, 0x10, 0, 0x20, 1, 7],
        &[248, 0, 0x21, 1, 7, 0, 0, 248, 1, 9, 9, 9],
    ];
    let mut seeds = Vec::new();
    for start in [0, 4, 0b1001, 0b1000_1010, 0b100_1011, 0b1011, 3] {
        for part in parts {
            seeds.push([&[start], &round[..], part, &next].concat());
        }
    }
    Ok(seeds)
}
