//! WireGuard in user space: no kernel module, no TUN device, no privileges.
//!
//! Invariants:
//! - Private and pre-shared keys have no `Debug` and are zeroized on drop, and no message shows them.

pub mod conf;
mod driver;
mod engine;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod gateway;
pub mod key;
mod listener;
mod netstack;
pub mod spec;
mod stream;
mod tunnel;

pub use conf::Conf;
pub use engine::{Carries, Event, PeerState, PeerStatus, Status, Trouble};
pub use key::{KeyError, PresharedKey, PrivateKey, PublicKey};
pub use listener::{Strangers, TunnelListener};
pub use netstack::{AddressError, Knock};
pub use spec::{Endpoint, Host, Interface, Peer, Spec};
pub use stream::TunnelStream;
pub use tunnel::{Options, Prepared, StartError, Tunnel};
