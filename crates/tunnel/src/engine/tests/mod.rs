//! Engines that talk to each other over a network in memory, in virtual time.

mod basics;
mod floods;
mod paths;
mod recovery;
mod troubles;
mod world;
