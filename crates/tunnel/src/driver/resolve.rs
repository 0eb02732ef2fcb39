//! Names of endpoints, looked up beside the tunnel's thread: the system's resolver may take many
//! seconds.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use super::Shared;
use super::core::Question;

/// Looks a name up in a thread of its own, which ends with the answer. The engine asks for one
/// name again only after it had the answer.
pub(super) fn start(question: Question, shared: &Arc<Shared>) {
    let Question { peer, host, port } = question;
    let weak = Arc::downgrade(shared);
    let tell = move |addresses: io::Result<Vec<SocketAddr>>| {
        if let Some(shared) = weak.upgrade() {
            // A tunnel that was stopped meanwhile needs no answer.
            let _ = shared.with(|core, now| core.resolved(now, peer, addresses));
        }
    };
    let failed = tell.clone();
    let thread = std::thread::Builder::new().name("resolver".to_owned());
    let started = thread.spawn(move || tell(look_up(&host, port)));
    if let Err(e) = started {
        failed(Err(e));
    }
}

fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}
