//! Wiping the stack below a computation on secrets.
//!
//! The curve and hash libraries zeroize what they own, not what the compiler spilled or moved
//! while they worked. Those copies lie in frames that have been left, and stay there until
//! another call happens to use the place.

use std::hint::black_box;
use zeroize::Zeroize as _;

/// In words: more than any reading, deriving or encrypting of a key uses, also in a build without
/// optimisation. A thread has 2 MiB at least.
const DEEP: usize = 256 * 1024 / size_of::<u64>();

/// In words: more than a signature uses.
const SHALLOW: usize = 16 * 1024 / size_of::<u64>();

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

/// Word by word: a wipe is written one element at a time, and bytes would take eight times as long.
#[inline(never)]
fn sweep<const N: usize>() {
    let mut stack = black_box([0_u64; N]);
    stack.as_mut_slice().zeroize();
    black_box(&stack);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::os::unix::fs::FileExt as _;

    /// What the work leaves behind.
    const LITTER: u8 = 0xfa;

    #[inline(never)]
    fn litter<const N: usize>() {
        let litter = [black_box(LITTER); N];
        black_box(&litter);
    }

    /// Whether the litter lies anywhere on this thread's stack.
    fn is_littered() -> bool {
        let here = 0_u8;
        let here = std::ptr::from_ref(black_box(&here)).addr() as u64;
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let stack = maps.lines().find_map(|line| {
            let (from, to) = line.split_once(' ')?.0.split_once('-')?;
            let [from, to] = [from, to].map(|hex| u64::from_str_radix(hex, 16).unwrap());
            (from..to).contains(&here).then_some((from, to))
        });
        let (from, to) = stack.unwrap();
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        let memory = File::open("/proc/self/mem").unwrap();
        memory.read_exact_at(&mut bytes, from).unwrap();
        bytes
            .windows(64)
            .any(|run| run.iter().all(|byte| *byte == LITTER))
    }

    /// In a thread, whose stack begins clean.
    fn left_after(work: fn()) -> bool {
        std::thread::spawn(move || {
            work();
            is_littered()
        })
        .join()
        .unwrap()
    }

    #[test]
    fn what_a_signature_leaves_on_the_stack_is_wiped() {
        const LEN: usize = 12 * 1024;
        assert!(left_after(|| called(litter::<LEN>)), "the search is blind");
        assert!(!left_after(|| swept_after_signing(litter::<LEN>)));
    }

    #[test]
    fn what_reading_a_key_leaves_on_the_stack_is_wiped() {
        const LEN: usize = 200 * 1024;
        assert!(left_after(|| called(litter::<LEN>)), "the search is blind");
        assert!(!left_after(|| swept(litter::<LEN>)));
    }
}
