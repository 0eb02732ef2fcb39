//! WireGuard in user space: no kernel module, no TUN device, no privileges.
//!
//! Invariants:
//! - Private and pre-shared keys have no `Debug` and are zeroized on drop, and no message shows them.

pub mod conf;
mod engine;
pub mod key;
// Until the driver stands on it.
mod netstack;
pub mod spec;

pub use conf::Conf;
pub use key::{KeyError, PresharedKey, PrivateKey, PublicKey};
pub use netstack::{AddressError, Knock};
pub use spec::{Endpoint, Host, Interface, Peer, Spec};
