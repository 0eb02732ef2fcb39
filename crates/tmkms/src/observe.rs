//! What the signer tells while it runs to whoever asks for its status. The log is [`logs`](crate::logs).
//!
//! [`record`] and [`link`] remember, [`source`] gathers a [`document`], [`server`] gives it to whoever connects
//! to the [`socket`], and [`client`] asks for it.

pub mod client;
pub mod document;
pub mod health;
mod heights;
pub mod http;
pub mod latency;
pub mod link;
pub mod moment;
mod page;
mod process;
pub mod prometheus;
pub mod record;
pub mod server;
pub mod socket;
pub mod source;
pub mod turn;
pub(crate) mod units;
pub mod watch;

use std::io::IsTerminal;

/// Whether texts may be coloured: on a terminal, unless `NO_COLOR` is set (<https://no-color.org>).
pub fn wants_colour(stream: &impl IsTerminal) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !refused
}
