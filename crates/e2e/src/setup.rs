//! What differs between scenes before anything starts.

use std::net::{IpAddr, SocketAddr};

use crate::Outcome;
use crate::combination::Combination;
use crate::path::Path;
use crate::site::Site;
use crate::wireguard::Conf;
use crate::world::{FRONT, FRONT_V6, VALIDATOR, front};

/// What differs between rows before anything starts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup {
    /// The path: its limit from the beginning on, the rest once blocks are signed. A node that
    /// is started on a path which loses the handshake of the tunnel ends after 3 s, whoever signs.
    pub path: Path,
    /// `MTU` of both wg0.conf where WireGuard does not find it out itself.
    pub mtu: Option<u16>,
    /// What is wrong in a wg0.conf.
    pub mistake: Option<Mistake>,
    /// What the validator's machine does.
    pub site: Site,
    /// Both machines reach each other without the relay.
    pub is_past_relay: bool,
    /// The signer reaches the relay over IPv6.
    pub is_ipv6: bool,
}

impl Setup {
    /// A good path and nothing wrong.
    pub const GOOD: Self = Self {
        path: Path::GOOD,
        mtu: None,
        mistake: None,
        site: Site::Combined,
        is_past_relay: false,
        is_ipv6: false,
    };

    /// Where the relay takes datagrams.
    pub(crate) fn front(self) -> SocketAddr {
        if self.is_ipv6 {
            front(FRONT_V6)
        } else {
            front(FRONT)
        }
    }

    /// What the validator's name means to the signer.
    pub(crate) fn validator(self) -> IpAddr {
        if self.is_past_relay {
            VALIDATOR.into()
        } else {
            self.front().ip()
        }
    }

    /// The wg0.conf of the signer's and of the validator's machine.
    pub(crate) fn confs(self, combination: Combination) -> Outcome<(Conf, Conf)> {
        let (mut signer, mut validator) = Conf::pair()?;
        // Our own tunnel finds it out.
        if !combination.has_own_tunnel() {
            signer.mtu = self.mtu;
            validator.mtu = self.mtu;
        }
        if let Some(mistake) = self.mistake {
            let conf = match mistake {
                Mistake::TheirAllowedIps => &mut validator,
                _ => &mut signer,
            };
            conf.spoil(mistake)?;
        }
        Ok((signer, validator))
    }
}

/// A wrong line in a wg0.conf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// A private key that the other end does not know.
    Key,
    /// Another pre-shared key.
    PresharedKey,
    /// The signer's AllowedIPs are without the validator.
    AllowedIps,
    /// The validator's AllowedIPs are without the signer.
    TheirAllowedIps,
    /// A port at which nobody listens.
    ClosedPort,
}
