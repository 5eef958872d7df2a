//! The statements of Prosody's main file and of what it includes: options, hosts and components.

use crate::formats::directives::Part;
use crate::formats::lua::{self, Cursor, Of, Value, Word};
use crate::reading::{Absent, Reading};
use crate::text::{Place, Text, join};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Where packages put it, and a main file elsewhere has its includes beside it.
const USUAL: &str = "/etc/prosody/";

/// Hosts and components of one server. Large ones have some hundreds.
const HOSTS_MAX: usize = 2_000;

/// An option's value, and the file that it stands in.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) value: Value,
    text: Arc<Text>,
    line: u32,
}

impl Said {
    /// The line of a value in the option.
    pub(super) fn place(&self, line: u32) -> Place {
        self.text.place(line)
    }

    /// The option's own line.
    pub(super) fn at(&self) -> Place {
        self.text.place(self.line)
    }
}

/// The server as a whole, a virtual host, or a component.
#[derive(Debug, Default)]
pub(super) struct Host {
    name: String,
    /// Of a component its module: `component` where another process connects.
    pub(super) component: Option<String>,
    pub(super) place: Option<Place>,
    pub(super) options: BTreeMap<String, Said>,
}

/// All hosts, the server first.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) hosts: Vec<Host>,
}

impl Config {
    pub(super) fn of(reading: &mut Reading<'_>, text: &Arc<Text>) -> Config {
        let mut config = Config { hosts: vec![Host::default()] };
        config.take(reading, text);
        config
    }

    /// An option of the whole server.
    pub(super) fn global(&self, key: &str) -> Option<&Said> {
        self.hosts.first().and_then(|host| host.options.get(key))
    }

    fn take(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>) {
        let (tokens, cut) = lua::tokens(text);
        let names = HashMap::new();
        let cursor = Cursor::new(&tokens);
        let mut statements =
            Statements { config: self, text, cursor, names, host: 0, blocks: Vec::new(), is_odd: false };
        statements.run(reading);
        let is_open = !statements.blocks.is_empty();
        if let Some(line) = cut {
            reading.trouble(&text.place(line), "the rest was not read: what begins here has no end");
        } else if is_open {
            reading.trouble(&text.whole(), "an `end` is missing: Prosody would not start");
        }
    }

    /// The host of that name, which may be declared twice; none where there are too many.
    fn host(&mut self, name: &str, place: Place) -> Option<usize> {
        if self.hosts.len() >= HOSTS_MAX {
            return None;
        }
        let known = self.hosts.iter().skip(1).position(|host| host.name == name);
        let at = known.map_or_else(
            || {
                let host = Host { name: name.to_owned(), place: Some(place), ..Host::default() };
                self.hosts.push(host);
                self.hosts.len() - 1
            },
            |at| at + 1,
        );
        Some(at)
    }
}

/// What runs once and surely, and what may run, or not, or often.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Plain,
    Perhaps,
}

struct Statements<'a, 't> {
    config: &'a mut Config,
    text: &'a Arc<Text>,
    cursor: Cursor<'t>,
    names: HashMap<String, Value>,
    /// What options are of: 0 is the server.
    host: usize,
    blocks: Vec<Block>,
    /// Something was passed over that no statement begins with; said once.
    is_odd: bool,
}

impl Statements<'_, '_> {
    fn run(&mut self, reading: &mut Reading<'_>) {
        while let Some(word) = self.cursor.ahead(0) {
            match word {
                Word::Name(name) => self.named(reading, name),
                Word::Sign(";") => drop(self.cursor.take()),
                Word::Template(part) => {
                    match part {
                        Part::Opens => self.blocks.push(Block::Perhaps),
                        Part::Closes => drop(self.blocks.pop()),
                        Part::Other => {}
                    }
                    self.odd(reading);
                }
                _ => self.odd(reading),
            }
        }
    }

    fn odd(&mut self, reading: &mut Reading<'_>) {
        if !self.is_odd {
            let what = "not understood; expected `option = value`, a host, a component or an include";
            reading.trouble(&self.text.place(self.cursor.line()), what);
            self.is_odd = true;
        }
        self.cursor.take();
    }

    fn named(&mut self, reading: &mut Reading<'_>, name: &str) {
        let line = self.cursor.line();
        let is_call = matches!(self.cursor.ahead(1), Some(Word::Text(_) | Word::Sign("(" | "{")));
        let is_set = matches!(self.cursor.ahead(1), Some(Word::Sign("=")));
        self.cursor.take();
        match name {
            "if" => self.block("then", Block::Perhaps),
            "for" | "while" => self.block("do", Block::Perhaps),
            "do" => self.blocks.push(Block::Plain),
            "repeat" => self.blocks.push(Block::Perhaps),
            "elseif" => self.cursor.skip_past("then"),
            "end" => drop(self.blocks.pop()),
            "until" => {
                self.blocks.pop();
                self.cursor.value(&self.names);
            }
            "else" | "break" | "return" => {}
            "function" => self.cursor.skip_function(),
            "local" => self.local(),
            "VirtualHost" | "Host" | "host" if is_call => self.host(reading, line, false),
            "Component" | "component" if is_call => self.host(reading, line, true),
            "Include" | "include" if is_call => self.include(reading, line),
            "RunScript" if is_call => {
                self.cursor.value(&self.names);
                reading.unresolved("what another script sets", &self.text.place(line));
            }
            _ if is_set => {
                self.cursor.take();
                self.option(name, line);
            }
            _ => self.other(reading, name, line),
        }
    }

    fn block(&mut self, opener: &str, block: Block) {
        self.cursor.skip_past(opener);
        self.blocks.push(block);
    }

    fn is_sure(&self) -> bool {
        !self.blocks.contains(&Block::Perhaps)
    }

    fn local(&mut self) {
        if self.cursor.accept("function") {
            return self.cursor.skip_function();
        }
        let Some(Word::Name(name)) = self.cursor.take() else { return };
        if self.cursor.accept("=") {
            let value = self.value();
            self.names.insert(name.clone(), value);
        }
    }

    /// The next expression; within a block that may not run it is unknown.
    fn value(&mut self) -> Value {
        let value = self.cursor.value(&self.names);
        if self.is_sure() { value } else { Value { of: Of::Unknown, ..value } }
    }

    /// An assignment. An option that was set can be referred to by its name.
    fn option(&mut self, name: &str, line: u32) {
        let value = self.value();
        if self.names.contains_key(name) && self.config.global(name).is_none() {
            // A local variable of that name is what is set.
            self.names.insert(name.to_owned(), value);
            return;
        }
        if self.host == 0 {
            self.names.insert(name.to_owned(), value.clone());
        }
        self.set(name, value, line);
    }

    fn set(&mut self, name: &str, value: Value, line: u32) {
        let said = Said { value, text: self.text.clone(), line };
        if let Some(host) = self.config.hosts.get_mut(self.host) {
            host.options.insert(name.to_owned(), said);
        }
    }

    /// `name[…] = …`, `name.field = …`, `name(…)`: what it does to an option of that name is not known.
    fn other(&mut self, reading: &mut Reading<'_>, name: &str, line: u32) {
        let is_part = matches!(self.cursor.ahead(0), Some(Word::Sign("[" | "." | ":" | "(")));
        let is_call = is_part || matches!(self.cursor.ahead(0), Some(Word::Text(_) | Word::Sign("{")));
        if !is_call {
            return self.odd(reading);
        }
        let mut target = name.to_owned();
        let mut is_first_argument = false;
        while let Some(word) = self.cursor.ahead(0) {
            match word {
                Word::Sign("=") => break,
                Word::Name(word) if is_first_argument => target.clone_from(word),
                Word::Name(_) if self.cursor.line() > line => break,
                _ => {}
            }
            is_first_argument = matches!(word, Word::Sign("(")) && target == "table";
            self.cursor.take();
        }
        if self.cursor.accept("=") {
            self.value();
        }
        if self.config.hosts.get(self.host).is_some_and(|host| host.options.contains_key(&target)) {
            self.set(&target, Value { line, of: Of::Unknown }, line);
        }
    }

    /// `VirtualHost "name"`, `Component "name" "module"`, each with options in braces, or after it.
    fn host(&mut self, reading: &mut Reading<'_>, line: u32, is_component: bool) {
        let place = self.text.place(line);
        let name = self.argument().map(|name| name.to_lowercase());
        if name.as_deref() == Some("*") {
            // The server as a whole.
            self.host = 0;
            return;
        }
        let name = name.unwrap_or_else(|| {
            // It is a host, whatever its name will be.
            reading.unresolved("the name of a host", &place);
            format!("{}:{line}", self.text.path())
        });
        if !self.is_sure() {
            reading.unresolved(format!("whether there is a host {name:?}"), &place);
        }
        self.host = self.config.host(&name, place).unwrap_or_else(|| {
            let what = format_args!("the rest was not read: more than {HOSTS_MAX} hosts");
            reading.trouble(&self.text.whole(), what);
            // What follows is of no host that is kept.
            usize::MAX
        });
        if is_component {
            let module = self.argument().unwrap_or_else(|| "component".to_owned());
            if let Some(host) = self.config.hosts.get_mut(self.host) {
                host.component = Some(module);
            }
        }
        if self.cursor.is("{") {
            let options = self.value();
            if let Of::Table(fields) = options.of {
                for (key, value) in fields {
                    let line = value.line;
                    key.into_iter().for_each(|key| self.set(&key, value.clone(), line));
                }
            }
            self.host = 0;
        }
    }

    /// A string in parentheses or without; none if it is not a literal.
    fn argument(&mut self) -> Option<String> {
        if let Some(Word::Text(text)) = self.cursor.ahead(0) {
            self.cursor.take();
            return Some(text.clone());
        }
        if !self.cursor.accept("(") {
            return None;
        }
        let value = self.cursor.value(&self.names);
        // `Component("name", "module")`: Prosody takes no second one either.
        while self.cursor.accept(",") {
            self.cursor.value(&self.names);
        }
        self.cursor.accept(")");
        value.text().map(str::to_owned)
    }

    fn include(&mut self, reading: &mut Reading<'_>, line: u32) {
        let place = self.text.place(line);
        let Some(pattern) = self.argument() else {
            return reading.unresolved("the file that is included", &place);
        };
        if !self.is_sure() {
            return reading.unresolved(format!("whether {pattern:?} is included"), &place);
        }
        let pattern = located(reading, self.text, &pattern, &place);
        for text in reading.include_all(self.text, line, &pattern, Absent::IsTrouble) {
            self.config.take(reading, &text);
        }
    }
}

/// An absolute path below the usual directory, where nothing is there and the main file lies elsewhere.
fn located(reading: &mut Reading<'_>, text: &Text, pattern: &str, place: &Place) -> String {
    let beside = pattern.strip_prefix(USUAL).map(|rest| join(text.directory(), rest));
    match beside {
        Some(beside) if reading.expand(pattern, place).is_empty() => beside,
        _ => pattern.to_owned(),
    }
}
