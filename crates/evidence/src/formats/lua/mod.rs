//! Lua as data: the words of a file, and expressions of literals. Nothing is ever executed.
//! Not here: statements, which each program takes in its own way.

mod expression;
mod words;

pub(crate) use expression::{Cursor, Of, Value};
pub(crate) use words::{Word, tokens};
