//! The address of a node, `addr` in `tmkms.toml`: what is read stands in the text, can be dialled,
//! and is read as the same again when it is shown.
//!
//! Longest input: 320 bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tmkms::config::{Address, TcpAddress, UnixSocket};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match text.parse::<Address>() {
        Ok(address) => {
            let shown = address.to_string();
            match &address {
                Address::Tcp(tcp) => is_a_place(text, &shown, tcp),
                Address::Unix(socket) => is_a_socket(text, socket),
            }
            assert_eq!(shown.parse(), Ok(address));
        }
        Err(error) => {
            let said = format!("{error} {}", error.help());
            assert!(!said.contains(char::is_control), "{said:?}");
        }
    }
});

fn is_a_place(text: &str, shown: &str, tcp: &TcpAddress) {
    let graphic = shown.chars().all(|c| c.is_ascii_graphic());
    assert!(graphic && !tcp.host.is_empty() && tcp.port > 0, "{shown}");
    let port = tcp.port.to_string();
    let text = text.trim_end_matches('/');
    assert!(text.contains(&tcp.host) && text.ends_with(&port), "{shown}");
    assert_eq!(text.contains('@'), tcp.peer_id.is_some());
    if let Some(id) = tcp.peer_id {
        let id = id.to_string();
        assert!(id.len() == 40 && text.to_ascii_lowercase().contains(&id));
    }
}

fn is_a_socket(text: &str, socket: &UnixSocket) {
    let name = match socket {
        UnixSocket::Path(path) => path.to_str().expect("a text"),
        UnixSocket::Abstract(name) => {
            assert!(name.len() <= 107);
            name
        }
    };
    assert!(!name.is_empty() && !name.contains('\0') && text.ends_with(name));
}
