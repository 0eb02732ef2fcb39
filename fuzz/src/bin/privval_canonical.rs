//! Sign bytes: what is read as a vote or a proposal is written back as the same bytes, and bytes
//! that are none are never taken for one.
//!
//! Longest input: 320 bytes.
#![no_main]

use fuzz::samples;
use libfuzzer_sys::fuzz_target;
use privval::{Canonical, Height, Round, Timestamp, extension_sign_bytes};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(canonical) = Canonical::parse(bytes) {
        assert_eq!(canonical.sign_bytes(), bytes, "two encodings of one value");
        assert!(Canonical::looks_like_consensus(bytes));
        differs_in_time_only(&canonical);
    }
    an_extension_is_no_vote(bytes);
});

fn differs_in_time_only(canonical: &Canonical) {
    let later = Timestamp {
        seconds: 1,
        nanos: canonical.timestamp().nanos ^ 1,
    };
    let mut other = canonical.clone();
    match &mut other {
        Canonical::Vote(vote) => vote.timestamp = later,
        Canonical::Proposal(proposal) => proposal.timestamp = later,
    }
    assert!(canonical.same_but_for_timestamp(&other));
    assert_ne!(canonical.sign_bytes(), other.sign_bytes());
    assert_eq!(canonical.hrs(), other.hrs());
}

fn an_extension_is_no_vote(extension: &[u8]) {
    let chain_id = samples::chain();
    let bytes = extension_sign_bytes(&chain_id, Height::FIRST, Round::default(), extension);
    assert!(Canonical::parse(&bytes).is_err());
    assert!(Canonical::looks_like_consensus(&bytes));
}
