//! When to put a candidate in force and when to take it back: test mode and revisions.
//! Not here: how anything is done. Time is an argument, the kernel's answer is a value.

pub mod change;
pub mod frame;
pub mod phase;
pub mod revision;

pub use change::{Change, NotPossible};
pub use frame::Held;
pub use phase::Phase;
pub use revision::Revision;
