//! Wiping the stack below a computation on secrets.
//!
//! The curve and hash libraries zeroize what they own, not what the compiler spilled or moved
//! while they worked. Those copies lie in frames that have been left, and stay there until
//! another call happens to use the place.

use std::hint::black_box;
use zeroize::Zeroize as _;

/// More than any reading, deriving or encrypting of a key uses, also in a build without
/// optimisation. A thread has 2 MiB at least.
const DEEP: usize = 256 * 1024;

/// More than a signature uses.
const SHALLOW: usize = 16 * 1024;

/// Runs `work`, then wipes the part of the stack that it can have used. What it returns must hold
/// no secret but behind a pointer.
pub(crate) fn swept<T>(work: impl FnOnce() -> T) -> T {
    let result = called(work);
    sweep::<DEEP>();
    result
}

/// The same for a signature, in a fraction of a microsecond.
pub(crate) fn swept_after_signing<T>(work: impl FnOnce() -> T) -> T {
    let result = called(work);
    sweep::<SHALLOW>();
    result
}

/// In a frame of its own, that of the caller would not be wiped.
#[inline(never)]
fn called<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

#[inline(never)]
fn sweep<const N: usize>() {
    let mut stack = black_box([0_u8; N]);
    stack.as_mut_slice().zeroize();
    black_box(&stack);
}
