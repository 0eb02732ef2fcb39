//! Servers that say back what they are told.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::namespace;
use crate::{Outcome, doing};

/// Between two looks at all sockets.
const PULSE: Duration = Duration::from_millis(2);

/// Servers on ports of one network namespace, for IPv4 and IPv6. They end when dropped.
pub(super) struct Echo {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Echo {
    /// Starts them.
    pub(super) fn start(place: &namespace::Place, tcp: &[u16], udp: &[u16]) -> Outcome<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let (place, tcp, udp) = (place.clone(), tcp.to_vec(), udp.to_vec());
        let (told, ready) = mpsc::channel();
        let over = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let bound = place.enter().and_then(|()| Sockets::bind(&tcp, &udp));
            match bound {
                Ok(mut sockets) => {
                    let _ = told.send(Ok(()));
                    while !over.load(Ordering::Relaxed) {
                        sockets.serve();
                        thread::sleep(PULSE);
                    }
                }
                Err(text) => {
                    let _ = told.send(Err(text));
                }
            }
        });
        ready.recv().map_err(doing("start servers"))??;
        Ok(Self {
            is_over,
            thread: Some(thread),
        })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Sockets {
    listeners: Vec<TcpListener>,
    datagrams: Vec<UdpSocket>,
    connections: Vec<TcpStream>,
}

impl Sockets {
    fn bind(tcp: &[u16], udp: &[u16]) -> Outcome<Self> {
        let address = |port: &u16| (Ipv6Addr::UNSPECIFIED, *port);
        let listen = |port: &u16| {
            let listener = TcpListener::bind(address(port))?;
            listener.set_nonblocking(true).map(|()| listener)
        };
        let receive = |port: &u16| {
            let socket = UdpSocket::bind(address(port))?;
            socket.set_nonblocking(true).map(|()| socket)
        };
        let failed = |error: std::io::Error| format!("cannot listen: {error}");
        Ok(Self {
            listeners: tcp
                .iter()
                .map(listen)
                .collect::<Result<_, _>>()
                .map_err(failed)?,
            datagrams: udp
                .iter()
                .map(receive)
                .collect::<Result<_, _>>()
                .map_err(failed)?,
            connections: Vec::new(),
        })
    }

    fn serve(&mut self) {
        for listener in &self.listeners {
            while let Ok((connection, _)) = listener.accept() {
                if connection.set_nonblocking(true).is_ok() {
                    self.connections.push(connection);
                }
            }
        }
        let mut bytes = [0; 64];
        for socket in &self.datagrams {
            while let Ok((count, from)) = socket.recv_from(&mut bytes) {
                let _ = socket.send_to(bytes.get(..count).unwrap_or_default(), from);
            }
        }
        self.connections
            .retain_mut(|connection| match connection.read(&mut bytes) {
                Ok(0) => false,
                Ok(count) => connection
                    .write_all(bytes.get(..count).unwrap_or_default())
                    .is_ok(),
                Err(error) => error.kind() == ErrorKind::WouldBlock,
            });
    }
}
