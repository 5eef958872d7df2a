//! Values that stand in property files: what Spring puts in the place of `${name}` and `${name:default}`.
//! Not here: properties of the Java machine's command line.

use super::located;
use crate::reading::{Absent, Reading};
use crate::text::{Place, Text, join};
use roxmltree::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Properties whose values name properties: as deep as this.
const DEPTH_MAX: usize = 8;
/// Bytes of a value with all that it refers to.
const LENGTH_MAX: usize = 4096;

/// By name, the last of each, with the line that says it.
#[derive(Debug, Default)]
pub(super) struct Properties {
    values: BTreeMap<String, (String, Place)>,
    /// Files that were read, or are not there: each once.
    files: BTreeSet<String>,
}

/// A value without placeholders, and the lines that its parts come from.
pub(super) struct Resolved {
    pub(super) value: String,
    pub(super) places: Vec<Place>,
}

impl Properties {
    /// What a bean or `<context:property-placeholder location="…"/>` names. A file that is absent says
    /// nothing: what is missing is unresolved where it is used.
    pub(super) fn take(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>, node: Node<'_, '_>) {
        let class = node.attribute("class").unwrap_or("");
        let is_bean = class.ends_with("PlaceholderConfigurer") || class.ends_with("PropertiesFactoryBean");
        if !is_bean && node.tag_name().name() != "property-placeholder" {
            return;
        }
        let own = node.attribute("location").into_iter();
        let inside = node.descendants().filter(|one| one.is_element()).filter_map(words);
        for path in own.chain(inside).flat_map(|words| words.split(',')) {
            let path = path.trim();
            let line = text.line_at(node.range().start);
            let Some(path) = located(path).filter(|path| path.ends_with(".properties")) else { continue };
            let is_new = self.files.insert(join(text.directory(), &path));
            let file = is_new.then(|| reading.include(text, line, &path, Absent::IsFine)).flatten();
            file.iter().for_each(|file| self.read(file));
        }
        for prop in node.descendants().filter(|one| one.tag_name().name() == "prop") {
            let place = text.place(text.line_at(prop.range().start));
            if let (Some(key), Some(value)) = (prop.attribute("key"), prop.text()) {
                self.values.insert(key.to_owned(), (value.trim().to_owned(), place));
            }
        }
    }

    /// `name=value`, `name: value`; `#` and `!` begin comments.
    fn read(&mut self, file: &Text) {
        for (number, line) in file.lines() {
            let line = line.trim_start();
            let Some(at) = line.find(['=', ':']).filter(|_| !line.starts_with(['#', '!'])) else { continue };
            let (name, value) = line.split_at(at);
            let value = value.get(1..).unwrap_or("").trim().to_owned();
            self.values.insert(name.trim().to_owned(), (value, file.place(number)));
        }
    }

    /// None where a name is not known here and has no default.
    pub(super) fn resolve(&self, written: &str) -> Option<Resolved> {
        let mut resolved = Resolved { value: written.to_owned(), places: Vec::new() };
        for _ in 0..DEPTH_MAX {
            if resolved.value.len() > LENGTH_MAX {
                return None;
            }
            if !resolved.value.contains("${") {
                resolved.value = resolved.value.trim().to_owned();
                return Some(resolved);
            }
            let value = std::mem::take(&mut resolved.value);
            resolved.value = self.replaced(&value, &mut resolved.places)?;
        }
        None
    }

    fn replaced(&self, written: &str, places: &mut Vec<Place>) -> Option<String> {
        let mut known = String::new();
        let mut rest = written;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, tail) = after.split_once('}')?;
            let (name, default) = name.split_once(':').map_or((name, None), |(name, d)| (name, Some(d)));
            known.push_str(before);
            match (self.values.get(name), default) {
                (Some((value, place)), _) => {
                    known.push_str(value);
                    if !places.contains(place) {
                        places.push(place.clone());
                    }
                }
                // As long as nobody sets the property otherwise.
                (None, default) => known.push_str(default?),
            }
            rest = tail;
        }
        known.push_str(rest);
        Some(known)
    }
}

/// `<property name="location" value="…"/>`, `<value>…</value>` in it or in its list.
fn words<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    match node.tag_name().name() {
        "property" if matches!(node.attribute("name"), Some("location" | "locations")) => {
            node.attribute("value")
        }
        "value" => node.text(),
        _ => None,
    }
}
