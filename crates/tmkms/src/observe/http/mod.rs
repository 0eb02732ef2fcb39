//! A listener for whoever measures the signer or looks at it: HTTP, read-only, a handful of paths.
//!
//! It is written out here, and no library, because so little of HTTP is needed: each connection
//! carries one request, of which the first line alone matters, and one answer. There is nothing to
//! be negotiated, kept alive, or sent in.
//!
//! Invariants:
//! - `GET` and `HEAD` only; no body is read, nothing is changed by asking.
//! - Bounded: [`server::THREADS`] connections at once, a head of [`request::MAX_HEAD`] bytes, and a
//!   deadline for the whole request and for the whole answer, however they trickle.
//! - What is told is [`Document`](super::document::Document) and nothing else. No secret is in it.
//! - As with the status socket, it shares no lock with the signing that is held during I/O.

mod exposure;
pub mod listener;
pub mod request;
pub mod respond;
pub mod server;
