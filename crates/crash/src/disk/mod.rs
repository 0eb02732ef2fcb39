//! A disk that loses what was not synced: a model of one, and a mount of the model.

mod fuse;
mod loss;
mod mount;
mod volatile;

pub use loss::Loss;
pub use mount::{Fault, Mounted, Trap, When, unavailable};
pub use volatile::{Errno, Image, VolatileDisk};
