//! Mistakes in configuration files, told as compilers tell theirs: what is wrong, the line with a
//! mark under the place, and what to do.
//!
//! Invariants:
//! - No text of a file reaches the terminal with control characters, nor what looks like a key.

mod location;
mod mask;
mod report;
mod suggest;

pub use location::{LineIndex, Located, Location};
pub use mask::{is_private_key, mask_secrets, stars};
pub use report::{Diagnostic, Report, Severity, Span, quoted, render_plain};
pub use suggest::closest;
