//! YAML 1.2 as a tree in which every node knows its line, from the events of saphyr-parser.
//! Not here: types. A scalar is its text, since each program has its own idea of `on`, `5m` or `0x50`.

use crate::reading::Reading;
use crate::text::Text;
use saphyr_parser::{Event, Parser, ScalarStyle};
use std::collections::HashMap;
use std::sync::Arc;

/// Lists and maps within each other. Real files have fewer than ten.
const DEPTH_MAX: usize = 64;

/// A node and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Yaml {
    /// Where it begins.
    pub line: u32,
    /// What it is.
    pub node: Node,
}

/// What a node is. Aliases are the node that they refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Text, unquoted.
    Scalar {
        /// Without quotes and escapes.
        value: String,
        /// Written without quotes: only then may it mean null, a number or a boolean.
        is_plain: bool,
    },
    /// A sequence.
    List(Vec<Arc<Yaml>>),
    /// A mapping in the order of the file. A key may stand twice.
    Map(Vec<(Arc<Yaml>, Arc<Yaml>)>),
}

impl Yaml {
    /// The text of a scalar.
    pub fn scalar(&self) -> Option<&str> {
        match &self.node {
            Node::Scalar { value, .. } => Some(value),
            Node::List(_) | Node::Map(_) => None,
        }
    }

    /// The entries of a map; none for anything else.
    pub fn entries(&self) -> &[(Arc<Yaml>, Arc<Yaml>)] {
        match &self.node {
            Node::Map(entries) => entries,
            Node::Scalar { .. } | Node::List(_) => &[],
        }
    }

    /// The items of a list; none for anything else.
    pub fn items(&self) -> &[Arc<Yaml>] {
        match &self.node {
            Node::List(items) => items,
            Node::Scalar { .. } | Node::Map(_) => &[],
        }
    }

    /// The value of a key; of the last one where it stands several times, as most parsers take it.
    pub fn value(&self, key: &str) -> Option<&Arc<Yaml>> {
        self.entries().iter().rev().find(|(k, _)| k.scalar() == Some(key)).map(|(_, value)| value)
    }

    /// Nothing was written: an empty plain scalar, `~` or `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.node, Node::Scalar { value, is_plain: true }
            if matches!(value.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }
}

/// The first document of a file; none if it is empty. Where the file is broken, trouble is said and what
/// stands before is returned.
pub fn parse(reading: &mut Reading<'_>, text: &Text) -> Option<Arc<Yaml>> {
    parse_as_far(reading, text).0
}

/// The same, and whether it is all of it.
pub fn parse_as_far(reading: &mut Reading<'_>, text: &Text) -> (Option<Arc<Yaml>>, bool) {
    let mut building = Building::default();
    let mut is_whole = true;
    for event in Parser::new_from_str(text.content()) {
        let step = match event {
            Ok((Event::DocumentEnd | Event::StreamEnd, _)) => break,
            Ok((event, span)) => building.take(event, line(span.start.line())),
            Err(error) => Err((line(error.marker().line()), error.info().to_owned())),
        };
        if let Err((at, why)) = step {
            reading.trouble(&text.place(at), format_args!("the rest was not read: {why}; expected YAML"));
            is_whole = false;
            break;
        }
    }
    (building.into_root(), is_whole)
}

fn line(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[derive(Default)]
struct Building {
    open: Vec<Open>,
    anchors: HashMap<usize, Arc<Yaml>>,
    root: Option<Arc<Yaml>>,
}

/// A list or map that is not complete.
struct Open {
    line: u32,
    anchor: usize,
    is_map: bool,
    /// Of a map: key, value, key, value…
    items: Vec<Arc<Yaml>>,
}

type Refusal = (u32, String);

impl Building {
    fn take(&mut self, event: Event<'_>, line: u32) -> Result<(), Refusal> {
        match event {
            Event::Scalar(value, style, anchor, _) => {
                let is_plain = style == ScalarStyle::Plain;
                let node = Node::Scalar { value: value.into_owned(), is_plain };
                self.put(Arc::new(Yaml { line, node }), anchor);
            }
            Event::Alias(anchor) => {
                let target = self.anchors.get(&anchor).cloned();
                let node =
                    target.ok_or_else(|| (line, "an alias of a node that is not complete".to_owned()))?;
                self.put(node, 0);
            }
            Event::SequenceStart(anchor, _) => self.begin(line, anchor, false)?,
            Event::MappingStart(anchor, _) => self.begin(line, anchor, true)?,
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn begin(&mut self, line: u32, anchor: usize, is_map: bool) -> Result<(), Refusal> {
        if self.open.len() == DEPTH_MAX {
            return Err((line, format!("lists and maps are nested deeper than {DEPTH_MAX}")));
        }
        self.open.push(Open { line, anchor, is_map, items: Vec::new() });
        Ok(())
    }

    fn end(&mut self) {
        let Some(Open { line, anchor, is_map, items }) = self.open.pop() else { return };
        let node = if is_map { Node::Map(pairs(items)) } else { Node::List(items) };
        self.put(Arc::new(Yaml { line, node }), anchor);
    }

    fn put(&mut self, node: Arc<Yaml>, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            Some(parent) => parent.items.push(node),
            None => self.root = Some(node),
        }
    }

    fn into_root(mut self) -> Option<Arc<Yaml>> {
        while !self.open.is_empty() {
            self.end();
        }
        self.root
    }
}

/// A key at the end without a value, of a broken file, is left out.
fn pairs(items: Vec<Arc<Yaml>>) -> Vec<(Arc<Yaml>, Arc<Yaml>)> {
    items.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}
