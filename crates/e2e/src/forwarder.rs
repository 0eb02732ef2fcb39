//! What docker-proxy does for a published port: it accepts first, then dials, and closes when
//! that fails, so that the client learns nothing of the cause.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::namespace::{Namespace, Place};
use crate::{Outcome, doing};

/// Between two looks for a connection.
const PULSE: Duration = Duration::from_millis(5);

/// A published port. New connections end when it is dropped.
#[derive(Debug)]
pub struct Forwarder {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Forwarder {
    /// Publishes `port` of `to` at `address` of a machine.
    ///
    /// # Errors
    /// When the port cannot be bound there.
    pub fn start(machine: &Namespace, address: Ipv4Addr, to: Ipv4Addr, port: u16) -> Outcome<Self> {
        let listener = machine.inside(|| {
            let bound = TcpListener::bind(SocketAddrV4::new(address, port));
            let bound = bound.and_then(|listener| {
                listener.set_nonblocking(true)?;
                Ok(listener)
            });
            bound.map_err(doing(&format!("publish {address}:{port}")))
        })?;
        let is_over = Arc::new(AtomicBool::new(false));
        let (ended, place) = (Arc::clone(&is_over), machine.place());
        let target = SocketAddrV4::new(to, port);
        let thread = thread::spawn(move || serve(&listener, target, &place, &ended));
        Ok(Self {
            is_over,
            thread: Some(thread),
        })
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say.
            let _ = thread.join();
        }
    }
}

fn serve(listener: &TcpListener, target: SocketAddrV4, place: &Place, is_over: &AtomicBool) {
    if let Err(text) = place.enter() {
        eprintln!("the published port is dead: {text}");
        return;
    }
    while !is_over.load(Ordering::Relaxed) {
        match listener.accept() {
            // A thread begins in the namespace of the one that starts it.
            Ok((client, _)) => drop(thread::spawn(move || join(&client, target))),
            Err(_) => thread::sleep(PULSE),
        }
    }
}

/// Until both sides have ended. The client sees its connection end, and not why.
fn join(client: &TcpStream, target: SocketAddrV4) {
    let Ok(upstream) = TcpStream::connect(target) else {
        return;
    };
    let copy = |from: &TcpStream, to: &TcpStream| -> io::Result<()> {
        to.set_nodelay(true)?;
        io::copy(&mut &*from, &mut &*to)?;
        to.shutdown(Shutdown::Write)
    };
    thread::scope(|scope| {
        // Either end may break; that is what ends it.
        scope.spawn(|| drop(copy(client, &upstream)));
        drop(copy(&upstream, client));
    });
}
