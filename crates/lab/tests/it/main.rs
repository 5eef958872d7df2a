//! The lab against the kernel that this runs on: hosts, packets, processes, and what is left of them.
#![allow(clippy::unwrap_used, missing_docs)]

mod commands;
mod leftovers;
mod load;
mod probes;
mod sessions;
mod topology;
mod world;
