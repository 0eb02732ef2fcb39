//! What is done to a scene.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use interop::Process;
use rustix::process::Signal;

use crate::Outcome;
use crate::flood::{Flood, Kind};
use crate::process::signal;
use crate::scene::Scene;
use crate::wait::pause;
use crate::world::{OTHER_FRONT, PRIVVAL_PORT, TUNNEL_VALIDATOR, front};

impl Scene {
    /// The signer's machine sleeps: its processes stand still, and nothing is lost.
    ///
    /// # Errors
    /// When the run is interrupted.
    pub fn sleep(&mut self, time: Duration) -> Outcome {
        let tun = self.signer_tun.as_mut().map(|device| &mut device.process);
        let mut parts: Vec<&mut Process> = self.signer.process().into_iter().chain(tun).collect();
        for part in &mut parts {
            signal(part, Signal::STOP);
        }
        let slept = pause(time);
        for part in &mut parts {
            signal(part, Signal::CONT);
        }
        slept
    }

    /// Somebody on the signer's machine opens connections to the node and closes them, as a port
    /// scan or a monitoring does.
    ///
    /// # Errors
    /// When the signer's machine cannot be entered.
    pub fn scan(&self, times: u32) -> Outcome {
        let target = SocketAddr::new(TUNNEL_VALIDATOR.into(), PRIVVAL_PORT);
        self.world.signer.inside(|| {
            for _ in 0..times {
                // Refused or accepted: what it does to the node is what is looked for.
                drop(TcpStream::connect_timeout(&target, Duration::from_secs(1)));
            }
            Ok(())
        })
    }

    /// Gives the validator another address.
    ///
    /// # Errors
    /// When the new name cannot be written.
    pub fn move_validator(&self) -> Outcome {
        self.world.name_validator(OTHER_FRONT.into())?;
        self.relay.move_front(front(OTHER_FRONT));
        Ok(())
    }

    /// Somebody begins to send what is not wanted, until the scene ends.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn flood(&mut self, kind: Kind) -> Outcome {
        let key = &self.confs.0.peer;
        let flood = Flood::start(&self.world.internet, kind, key, self.seed)?;
        self.flood = Some(flood);
        Ok(())
    }
}
