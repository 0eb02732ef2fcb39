//! What is asked for: the first line of a request.

/// The longest head of a request, in bytes. Browsers and Prometheus send less than 1 KiB.
pub const MAX_HEAD: usize = 8 * 1024;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Only the head of the answer is wanted.
    pub is_head: bool,
    /// The path, without a query.
    pub path: String,
    /// What is behind the `?`.
    pub query: Option<String>,
}

/// Why a request is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is no HTTP.
    Malformed,
    /// Another method than GET and HEAD.
    Method,
    /// Neither HTTP/1.0 nor 1.1.
    Version,
    /// The head has no end within [`MAX_HEAD`].
    TooLong,
}

/// How long the head is that begins these bytes, once it is whole.
///
/// # Errors
/// [`Refused::TooLong`] when it has grown past its bound.
pub fn head_len(bytes: &[u8]) -> Result<Option<usize>, Refused> {
    let ends: [&[u8]; 2] = [b"\r\n\r\n", b"\n\n"];
    let found = ends.iter().filter_map(|end| {
        let at = bytes.windows(end.len()).position(|window| window == *end)?;
        Some(at + end.len())
    });
    match found.min() {
        Some(len) if len <= MAX_HEAD => Ok(Some(len)),
        None if bytes.len() < MAX_HEAD => Ok(None),
        _ => Err(Refused::TooLong),
    }
}

impl Request {
    /// Reads a whole head. What follows its first line does not matter here.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn parse(head: &[u8]) -> Result<Self, Refused> {
        let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = str::from_utf8(line).map_err(|_| Refused::Malformed)?;
        let mut words = line.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Refused::Malformed);
        };
        let is_token = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_graphic());
        if !(is_token(method) && is_token(target) && version.starts_with("HTTP/")) {
            return Err(Refused::Malformed);
        }
        if !["HTTP/1.1", "HTTP/1.0"].contains(&version) {
            return Err(Refused::Version);
        }
        let is_head = match method {
            "GET" => false,
            "HEAD" => true,
            _ => return Err(Refused::Method),
        };
        if !target.starts_with('/') {
            return Err(Refused::Malformed);
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        Ok(Self {
            is_head,
            path: path.to_owned(),
            query,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn path_and_query_of_a_get_or_head_are_read_and_the_rest_is_passed_over() {
        let asked = Request::parse(b"GET /readyz?within=5 HTTP/1.1\r\nHost: x\r\n\x00\xff\r\n\r\n");
        let expected = Request {
            is_head: false,
            path: "/readyz".to_owned(),
            query: Some("within=5".to_owned()),
        };
        assert_eq!(asked, Ok(expected));
        let asked = Request::parse(b"HEAD / HTTP/1.0\n\n").unwrap();
        assert_eq!(
            (asked.is_head, asked.path.as_str(), asked.query),
            (true, "/", None)
        );
    }

    #[test]
    fn what_is_not_understood_is_sorted() {
        for (head, refused) in [
            ("POST / HTTP/1.1", Refused::Method),
            ("get / HTTP/1.1", Refused::Method),
            ("PRI * HTTP/2.0", Refused::Version),
            ("GET / HTTP/1.10", Refused::Version),
            ("GET  / HTTP/1.1", Refused::Malformed),
            ("GET / HTTP/1.1 ", Refused::Malformed),
            ("GET http://x/ HTTP/1.1", Refused::Malformed),
            ("GET /\u{e9} HTTP/1.1", Refused::Malformed),
            ("GET /", Refused::Malformed),
            ("", Refused::Malformed),
            ("\u{16}\u{3}\u{1}", Refused::Malformed),
        ] {
            let parsed = Request::parse(format!("{head}\r\n\r\n").as_bytes());
            assert_eq!(parsed, Err(refused), "{head:?}");
        }
    }

    #[test]
    fn head_ends_at_its_blank_line_and_is_bounded() {
        assert_eq!(head_len(b"GET / HTTP/1.1\r\n"), Ok(None));
        assert_eq!(head_len(b"a\r\n\r\nbody\n\n"), Ok(Some(5)));
        assert_eq!(head_len(b"a\n\nb\r\n\r\n"), Ok(Some(3)));
        let mut long = vec![b'a'; MAX_HEAD - 4];
        assert_eq!(head_len(&long), Ok(None));
        long.extend(b"\r\n\r\n");
        assert_eq!(head_len(&long), Ok(Some(MAX_HEAD)));
        long.insert(0, b'a');
        assert_eq!(head_len(&long), Err(Refused::TooLong));
        assert_eq!(head_len(&[b'a'; MAX_HEAD]), Err(Refused::TooLong));
    }

    proptest! {
        #[test]
        fn any_bytes_are_sorted_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(Some(len)) = head_len(&bytes) {
                let _ = Request::parse(&bytes[..len]);
            }
            if let Ok(request) = Request::parse(&bytes) {
                prop_assert!(request.path.starts_with('/'));
            }
        }
    }
}
