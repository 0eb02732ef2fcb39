//! `tmkms`: holds a validator's consensus key and signs for its node, never twice.
//!
//! This crate puts the parts together: the configuration, the chains with their guards and
//! keys, the sessions with nodes, and the command line. See `ARCHITECTURE.md` for the whole.

pub mod audit;
pub mod cli;
pub mod config;
mod date;
pub mod doctor;
pub mod hardening;
pub mod logs;
pub mod observe;
pub mod sandbox;
pub mod service;
pub mod session;
pub mod signer;
pub mod tunnels;
