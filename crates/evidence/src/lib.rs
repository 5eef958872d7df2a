//! What a host's own files and sockets say it serves: facts, each with where it was seen.
//! Not here: opening files, and deciding what any of it permits.

pub mod endpoint;
pub mod sockets;

pub use endpoint::{Address, Endpoint, Evidence, Kind, Reach};
pub use sockets::{Listening, Transport};
