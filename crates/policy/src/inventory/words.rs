//! What is wrong with a node, in words: the same wherever nodes are registered.
//! Not here: where it stands, and what to do about it there.

use super::NodeName;
use crate::Role;
use crate::read::quote;

/// What names are made of.
pub(super) const NAME_RULE: &str =
    "1 to 63 characters: lower-case letters, digits, dots, dashes and underscores";

/// The role that nobody is given, because everybody has it.
pub(super) const NODE_ROLE_GIVEN: &str = "every node has the role `node` by itself";

pub(super) fn no_name(written: &str) -> String {
    format!("{} is no name for a node", quote(written))
}

pub(super) fn role_twice(role: &Role) -> String {
    format!("role `{}` is given to this node twice", role.name)
}

/// How a node is spoken of whose name may be wrong.
pub(super) fn called(name: Option<&NodeName>) -> String {
    name.map_or_else(|| "this node".to_owned(), |name| format!("node `{name}`"))
}

pub(super) fn no_address(called: &str) -> String {
    format!("{called} has no address")
}

pub(super) fn needs_private(role: &Role, called: &str) -> String {
    format!("role `{}` needs the private network, and {called} has no private address", role.name)
}
