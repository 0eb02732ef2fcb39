//! A request to the metrics: whatever comes, it is sorted, and what is understood stands in it.
//!
//! Longest input: 512 bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmkms::observe::http::request::{MAX_HEAD, Request, head_len};
use tmkms::observe::http::respond::{refuse, respond};
use tmkms::observe::source::Source;

fuzz_target!(|bytes: &[u8]| {
    let head = match head_len(bytes) {
        Ok(Some(len)) => &bytes[..len],
        Ok(None) => return assert!(bytes.len() < MAX_HEAD),
        Err(_) => unreachable!("the input is shorter than what is too long"),
    };
    assert!(head.ends_with(b"\n\n") || head.ends_with(b"\r\n\r\n"));
    let answer = match Request::parse(head) {
        Ok(request) => {
            let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let line = std::str::from_utf8(line).expect("a text");
            assert!(line.starts_with(if request.is_head { "HEAD /" } else { "GET /" }));
            assert!(line.contains(&request.path) && !request.path.contains('?'));
            respond(&request, || Source::default().document()).encode(request.is_head)
        }
        Err(why) => refuse(why).encode(false),
    };
    assert!(answer.starts_with(b"HTTP/1.1 "));
});
