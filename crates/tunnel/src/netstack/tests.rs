//! Two stacks, a seeded link between them, and time that passes only when nothing is to be done.

mod bounds;
mod close;
mod dial;
mod loss;
mod world;
