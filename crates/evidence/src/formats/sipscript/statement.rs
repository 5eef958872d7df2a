//! Statements that both dialects have: blocks, modules and their parameters.
//! Not here: what they mean.

use super::{Kind, Script, Token};
use crate::reading::Reading;
use crate::text::Place;

/// To the brace that closes it.
pub fn block(script: &mut Script, reading: &mut Reading<'_>, open: &Token) {
    if script.has(reading, 0, '%') {
        let place = script.place(open);
        reading.unresolved("a template's condition decides which lines hold", &place);
    }
    let mut depth = 1usize;
    while depth > 0 {
        let Some(token) = script.next(reading) else { return };
        match token.kind {
            Kind::Mark('{') => depth += 1,
            Kind::Mark('}') => depth -= 1,
            _ => {}
        }
    }
}

/// At the beginning of a line a template decides which lines hold; its ends and comments decide nothing more.
pub fn template(script: &mut Script, reading: &mut Reading<'_>, token: &Token) {
    let place = script.place(token);
    let inside = token.text.trim_matches(['{', '}', '%', '<', '>', '-', ' ']);
    let is_end = inside.starts_with("end") || inside.starts_with("/*");
    if place.said().starts_with(['{', '<']) && !is_end {
        reading.unresolved("a template decides which lines hold", &place);
    }
}

/// `loadmodule "path/name.so"`: the module's name.
pub fn loaded(script: &mut Script, reading: &mut Reading<'_>, word: &Token) -> Option<(String, Place)> {
    script.take(reading, '(');
    let mut path = script.peek(reading, 0).filter(|next| next.kind == Kind::Text)?.clone();
    script.next(reading);
    script.substituted(&mut path);
    let name = path.text.rsplit('/').next().unwrap_or("");
    Some((name.strip_suffix(".so").unwrap_or(name).to_owned(), script.place(word)))
}

/// `modparam("module", "name", value)`.
#[derive(Debug)]
pub struct Parameter {
    /// A pattern of modules.
    pub module: String,
    /// Its name.
    pub name: String,
    /// Its value, as text.
    pub value: String,
    /// The statement's line, and the lines of the definitions that it uses.
    pub places: Vec<Place>,
}

impl Parameter {
    /// Where the statement stands.
    pub fn place(&self) -> Place {
        self.places.first().cloned().unwrap_or_else(|| Place::file("/"))
    }

    /// The pattern of modules may name several: `"a|b"`, `"mi_.*"`.
    pub fn is_of(&self, module: &str, name: &str) -> bool {
        let is_like = |one: &str| match one.strip_suffix(".*") {
            Some(begin) => module.starts_with(begin),
            None => module == one,
        };
        self.name == name && self.module.split('|').any(is_like)
    }
}

/// Reads it, from behind its first word; none where it is something else.
pub fn parameter(script: &mut Script, reading: &mut Reading<'_>, word: &Token) -> Option<Parameter> {
    script.take(reading, '(')?;
    let mut places = script.places(word);
    let mut texts = Vec::new();
    while texts.len() < 3 {
        let is_text = |token: &&Token| matches!(token.kind, Kind::Text | Kind::Word);
        let mut token = script.peek(reading, 0).filter(is_text)?.clone();
        script.next(reading);
        script.substituted(&mut token);
        for place in script.places(&token) {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        texts.push(token.text);
        script.take(reading, ',');
    }
    let [module, name, value] = <[String; 3]>::try_from(texts).ok()?;
    Some(Parameter { module, name, value, places })
}
