//! XML documents, by roxmltree. A node's line is `text.line_at(node.range().start)`.
//! Not here: external entities, which are never fetched.

use crate::reading::Reading;
use crate::text::Text;
use roxmltree::{Document, ParsingOptions};

/// More elements than any service's configuration has; entities that multiply end here.
const NODES_MAX: u32 = 1_000_000;

/// The document, or trouble with its line.
pub fn parse<'t>(reading: &mut Reading<'_>, text: &'t Text) -> Option<Document<'t>> {
    let options = ParsingOptions { allow_dtd: true, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    match Document::parse_with_options(text.content(), options) {
        Ok(document) => Some(document),
        Err(error) => {
            let place = text.place(error.pos().row);
            reading.trouble(&place, format_args!("not read, since it is not well-formed XML: {error}"));
            None
        }
    }
}
