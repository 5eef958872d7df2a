//! `define_macro` and `define_keyword`: names that stand for values.

use crate::formats::yaml::Yaml;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Macros of macros: as deep as this.
const DEPTH_MAX: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Macros(BTreeMap<String, Arc<Yaml>>);

impl Macros {
    pub(super) fn define(&mut self, map: &Yaml) {
        let named = |(key, value): &(Arc<Yaml>, Arc<Yaml>)| Some((key.scalar()?.to_owned(), value.clone()));
        self.0.extend(map.entries().iter().filter_map(named));
    }

    /// What a value is: itself, or the value of the macro that it names. A keyword stands between `@`s.
    pub(super) fn value<'y>(&'y self, yaml: &'y Arc<Yaml>) -> &'y Arc<Yaml> {
        let mut value = yaml;
        for _ in 0..DEPTH_MAX {
            let name = value.scalar().map(|word| {
                let keyword = word.strip_prefix('@').and_then(|word| word.strip_suffix('@'));
                keyword.unwrap_or(word)
            });
            match name.and_then(|name| self.0.get(name)) {
                Some(defined) => value = defined,
                None => break,
            }
        }
        value
    }
}
