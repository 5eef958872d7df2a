//! Syntaxes that several programs share, each keeping the line of what it holds.
//! Not here: what any program means by them.

pub(crate) mod directives;
pub mod erlang;
pub(crate) mod lua;
pub mod shell;
pub mod sipscript;
pub(crate) mod template;
pub mod xml;
pub mod yaml;
