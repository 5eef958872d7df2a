//! What nf_tables can say, and what it means: tables, chains, rules, sets; as values.
//! Not here: roles, files, netlink numbers, and any input or output.
//!
//! A rule is held as Linux holds it: a short program over registers ([`Expr`]). The same type is what we
//! ask for and what we read back, so "is it in force?" is `==`, and the judgement of a flow ([`judge`])
//! runs the very program that the kernel runs.

pub mod delta;
pub mod expr;
pub mod flow;
pub mod generation;
pub mod judge;
pub mod program;
pub mod set;
pub mod space;
pub mod table;
pub mod text;
pub mod transaction;
mod value;
pub mod xt;

pub use expr::{Expr, Reg, Verdict};
pub use flow::Flow;
pub use generation::Generation;
pub use set::{DataType, Element, Set, SetFlags, SetRef};
pub use table::{BaseChain, Chain, ChainPolicy, Family, Hook, Rule, Ruleset, Table, TableFlags, TableId};
pub use transaction::{Op, Transaction};
pub use value::Value;
