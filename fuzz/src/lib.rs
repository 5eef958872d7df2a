//! What the targets share: inputs out of bytes, and what must hold of whatever is said about them.
//! Not here: the targets, each a file in `fuzz_targets`.

pub mod host;
pub mod nft;
pub mod text;
