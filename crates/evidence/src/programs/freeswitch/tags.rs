//! Tags of a document, as forgiving as FreeSWITCH's own parser: comments may hold anything.
//! Not here: what they mean. The shared reader of XML is not used, since the document is made of lines of
//! many files, and since `--` in a comment, common in these files, is not well-formed.

/// One tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag<'d> {
    pub(super) name: &'d str,
    attributes: &'d str,
    pub(super) kind: Kind,
    /// From 0.
    pub(super) line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    Empty,
}

impl<'d> Tag<'d> {
    /// The value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&'d str> {
        let mut rest = self.attributes;
        loop {
            let (key, after) = rest.split_once('=')?;
            let after = after.trim_start();
            let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
            let (value, left) = after.get(1..)?.split_once(quote)?;
            if key.trim() == name {
                return Some(value);
            }
            rest = left;
        }
    }
}

/// The tags of a document in order.
pub(super) struct Tags<'d> {
    rest: &'d str,
    line: usize,
    /// A comment or tag that does not end.
    pub(super) is_cut: bool,
}

impl<'d> Tags<'d> {
    pub(super) fn of(document: &'d str) -> Tags<'d> {
        Tags { rest: document, line: 0, is_cut: false }
    }

    /// Goes on behind the next such text; what was passed over, if there is one.
    fn past(&mut self, text: &str) -> Option<&'d str> {
        let Some((before, after)) = self.rest.split_once(text) else {
            self.rest = "";
            return None;
        };
        self.line += before.matches('\n').count();
        self.rest = after;
        Some(before)
    }

    /// Up to the `>` that is not in quotes.
    fn tag(&mut self) -> Option<&'d str> {
        let mut quote = None;
        let end = self.rest.bytes().position(|b| match (b, quote) {
            (b'>', None) => true,
            (b'"' | b'\'', None) => {
                quote = Some(b);
                false
            }
            (b, Some(open)) if b == open => {
                quote = None;
                false
            }
            _ => false,
        });
        let (inside, after) = self.rest.split_at_checked(end?)?;
        self.line += inside.matches('\n').count();
        self.rest = after.get(1..).unwrap_or("");
        Some(inside)
    }
}

impl<'d> Iterator for Tags<'d> {
    type Item = Tag<'d>;

    fn next(&mut self) -> Option<Tag<'d>> {
        loop {
            self.past("<")?;
            let line = self.line;
            if self.rest.starts_with("!--") {
                self.is_cut |= self.past("-->").is_none();
                continue;
            }
            let Some(inside) = self.tag() else {
                self.is_cut = true;
                self.rest = "";
                return None;
            };
            if inside.starts_with(['!', '?']) {
                continue;
            }
            let (body, kind) = match (inside.strip_prefix('/'), inside.strip_suffix('/')) {
                (Some(body), _) => (body, Kind::Close),
                (None, Some(body)) => (body, Kind::Empty),
                (None, None) => (inside, Kind::Open),
            };
            let body = body.trim();
            let (name, attributes) = body.split_once(char::is_whitespace).unwrap_or((body, ""));
            return Some(Tag { name, attributes, kind, line });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_keep_their_lines_over_comments() {
        let document = "<a>\n<!-- <b/>\n -- c -->\n<d x='1' y = \"2 > 1\"\n/></a>";
        let tags: Vec<Tag<'_>> = Tags::of(document).collect();
        let seen: Vec<_> = tags.iter().map(|tag| (tag.name, tag.kind, tag.line)).collect();
        assert_eq!(seen, [("a", Kind::Open, 0), ("d", Kind::Empty, 3), ("a", Kind::Close, 4)]);
        assert_eq!(tags[1].attribute("y"), Some("2 > 1"));
        assert_eq!(tags[1].attribute("z"), None);
    }
}
