//! The vendor's node id, as `/etc/voipnownode/nodeid` holds it.
//! Not here: which node that is (the inventory).

use crate::read::quote;

/// More characters are no id that the vendor gave out.
const CHARS_MAX: usize = 64;

/// Why a text is no node id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeIdError {
    /// Nothing, or blanks.
    #[error("the node id is empty")]
    Empty,
    /// More than 64 characters.
    #[error("the node id is {0} characters long: expected at most {CHARS_MAX}")]
    TooLong(usize),
    /// More than one word.
    #[error("{} is no node id: expected one word", quote(.0))]
    NotAWord(String),
}

/// Reads the id: the one word of the file, with whatever blanks and empty lines around it.
pub fn parse(text: &str) -> Result<String, NodeIdError> {
    let id = text.trim();
    check(id)?;
    Ok(id.to_owned())
}

pub(crate) fn check(id: &str) -> Result<(), NodeIdError> {
    if id.is_empty() {
        return Err(NodeIdError::Empty);
    }
    let length = id.chars().count();
    if length > CHARS_MAX {
        return Err(NodeIdError::TooLong(length));
    }
    if id.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(NodeIdError::NotAWord(id.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_is_an_id() {
        assert_eq!(parse("7\n"), Ok("7".into()));
        assert_eq!(parse("\r\n node-12 \r\n"), Ok("node-12".into()));
    }

    #[test]
    fn anything_else_is_none() {
        assert_eq!(parse(" \n"), Err(NodeIdError::Empty));
        assert_eq!(parse("1\n2\n"), Err(NodeIdError::NotAWord("1\n2".into())));
        assert_eq!(parse("a\0b"), Err(NodeIdError::NotAWord("a\0b".into())));
        assert_eq!(parse(&"9".repeat(65)), Err(NodeIdError::TooLong(65)));
    }
}
