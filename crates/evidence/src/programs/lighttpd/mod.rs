//! lighttpd: the server's socket, and those of its conditions.
//! Source: lighttpd's documentation (Core:ConfigFile, Server_port, Server_bind, Server_use-ipv6, ssl.engine);
//! Debian's lighttpd package (use-ipv6.pl).

mod sockets;
mod tokens;
mod values;

use super::beside;
use super::vendor_web::{self, Part};
use super::{Program, template};
use crate::reading::{Absent, Reading};
use crate::text::{Place, Text, join};
use sockets::{Settings, Socket};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokens::{Token, Tokens};
use values::{OPEN_LIST, Value, key, quoted, shown};

pub(super) const PROGRAM: Program =
    Program { name: "lighttpd", aliases: &["lighty"], processes: &["lighttpd", "lighttpd-angel"], read };

const USUAL: [&str; 3] = [
    "/etc/lighttpd/lighttpd.conf",
    "/usr/local/etc/lighttpd/lighttpd.conf",
    "/usr/local/lighttpd/conf/lighttpd.conf",
];

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    if mains.is_empty() {
        if let Some(text) = reading.open_first(&USUAL) {
            Instance::read(reading, &text, None);
        }
        vendor_web::read(reading, part, vendor);
    }
    for main in mains {
        match reading.open(main) {
            Some(text) => drop(Instance::read(reading, &text, Some(text.directory()))),
            None => reading.trouble(&Place::file(main), "lighttpd's main file was not read"),
        }
    }
}

/// What a file of the vendor's is, if it is in lighttpd's syntax: it assigns to keys of the server.
fn part(text: &Text) -> Option<Part> {
    let keys = text.lines().filter_map(|(_, line)| line.split_once('=')).map(|(key, _)| {
        let key = key.trim_end_matches(['+', ':', '=']).trim();
        match key {
            "server.port" | "server.bind" | "server.document-root" | "server.modules" => Some(Part::Main),
            key if key.starts_with("$SERVER[") => Some(Part::Main),
            key if key.starts_with("server.") || key.starts_with("ssl.") => Some(Part::Piece),
            _ => None,
        }
    });
    keys.flatten().min()
}

fn vendor(reading: &mut Reading<'_>, text: &Arc<Text>, part: Part) -> BTreeSet<String> {
    if part == Part::Piece {
        reading
            .trouble(&text.whole(), "not read: no lighttpd can be started with it, and no file includes it");
        return BTreeSet::new();
    }
    Instance::read(reading, text, None)
}

/// What encloses a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Server,
    Socket(usize),
    Other,
}

/// One running lighttpd.
struct Instance {
    directory: String,
    /// Where a main file that was named lies.
    moved: Option<String>,
    /// The paths of what was read.
    read: BTreeSet<String>,
    values: BTreeMap<String, Value>,
    server: Settings,
    sockets: Vec<Socket>,
    /// What is open of a template that the files may be.
    template: template::Blocks,
}

impl Instance {
    fn read(reading: &mut Reading<'_>, main: &Arc<Text>, moved: Option<&str>) -> BTreeSet<String> {
        let directory = main.directory().to_owned();
        let (moved, read, values) = (moved.map(str::to_owned), BTreeSet::new(), BTreeMap::new());
        let (server, sockets) = (Settings::default(), Vec::new());
        let mut instance = Instance {
            directory,
            moved,
            read,
            values,
            server,
            sockets,
            template: template::Blocks::default(),
        };
        instance.file(reading, main, Block::Server);
        sockets::open(reading, &instance.server, &instance.sockets, &main.whole());
        instance.read
    }

    fn file(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>, outside: Block) {
        self.read.insert(text.path().to_owned());
        let mut tokens = Tokens::of(text);
        let mut blocks = vec![outside];
        // One word of trouble a line is enough.
        let mut wrong_line = 0;
        loop {
            let block = blocks.last().copied().unwrap_or(Block::Other);
            match tokens.next() {
                Token::End => break,
                Token::Sign("}") if blocks.len() > 1 => drop(blocks.pop()),
                Token::Sign(";") => {}
                Token::Condition(name) => blocks.extend(self.condition(reading, &mut tokens, text, &name)),
                Token::Word(word) => match word.as_str() {
                    "else" | "elseif" | "elsif" | "elif" | "if" => {
                        if tokens.takes("{") {
                            blocks.push(Block::Other);
                        }
                    }
                    "global" if tokens.takes("{") => blocks.push(Block::Server),
                    "include" | "include_shell" => {
                        let place = text.place(tokens.line);
                        let line = tokens.line;
                        let value = self.expression(&mut tokens);
                        self.include(reading, &word, value, text, line, &place, block);
                    }
                    _ => {
                        let is_statement = self.assign(reading, &mut tokens, text, &word, block);
                        if !is_statement && tokens.line != wrong_line {
                            wrong_line = tokens.line;
                            let what = format!("{} is no statement; expected key = value", quoted(&word));
                            reading.trouble(&text.place(wrong_line), what);
                        }
                    }
                },
                Token::Template(what) => {
                    let place = text.place(tokens.line);
                    reading.unresolved(format!("what a template makes of {what:?}"), &place);
                    self.template.take(&what);
                }
                _ if tokens.line == wrong_line => {}
                wrong => {
                    wrong_line = tokens.line;
                    let what = format!("unexpected {}; expected a statement", shown(&wrong));
                    reading.trouble(&text.place(tokens.line), what);
                }
            }
        }
        if blocks.len() > 1 {
            reading.trouble(&text.whole(), "the file ends within a block; expected \"}\"");
        }
    }

    /// `$SERVER["socket"] == "address:port" {`: the block that begins.
    fn condition(
        &mut self,
        reading: &mut Reading<'_>,
        tokens: &mut Tokens<'_>,
        text: &Arc<Text>,
        name: &str,
    ) -> Option<Block> {
        let place = text.place(tokens.line);
        let is_equal = matches!(tokens.peek(), Token::Sign("=="));
        if !matches!(tokens.peek(), Token::Sign("{")) {
            tokens.next();
        }
        let value = self.expression(tokens);
        if !tokens.takes("{") {
            reading.trouble(&place, format_args!("a condition on {name} without a block; expected \"{{\""));
            return None;
        }
        if name != "SERVER.socket" || !is_equal {
            // What is said for a part of a socket's requests is not said for the socket.
            return Some(Block::Other);
        }
        match value {
            Value::Text(word) if self.template.is_open() => {
                let what = format!("whether the socket {word:?} is opened: a template's condition");
                reading.unresolved(what, &place);
            }
            Value::Text(word) if !word.contains("@@") && !word.contains("{{") && !word.contains('$') => {
                self.sockets.push(Socket { word, place, settings: Settings::default() });
                return Some(Block::Socket(self.sockets.len() - 1));
            }
            value => reading.unresolved(format!("the socket {:?}", value.text()), &place),
        }
        Some(Block::Other)
    }

    /// `key = value`; whether it is one.
    fn assign(
        &mut self,
        reading: &mut Reading<'_>,
        tokens: &mut Tokens<'_>,
        text: &Arc<Text>,
        word: &str,
        block: Block,
    ) -> bool {
        let (line, key) = (tokens.line, key(word));
        let operator = match tokens.peek() {
            Token::Sign(sign @ ("=" | "+=" | ":=")) => *sign,
            _ => return false,
        };
        tokens.next();
        let mut value = self.expression(tokens);
        if self.template.is_open() && value != Value::List {
            value = Value::Unknown("a template's condition".to_owned());
        }
        if matches!(&value, Value::Unknown(what) if what == OPEN_LIST) {
            reading.trouble(&text.place(line), OPEN_LIST);
        }
        if operator == "+="
            && let Some(known) = self.values.get(&key)
        {
            value = known.clone().plus(value);
        }
        let place = text.place(line);
        let settings = match block {
            Block::Server => Some(&mut self.server),
            Block::Socket(at) => self.sockets.get_mut(at).map(|socket| &mut socket.settings),
            Block::Other => None,
        };
        if operator == "=" && block == Block::Server && self.values.contains_key(&key) {
            reading.trouble(&place, format_args!("{key} is set before; lighttpd does not start"));
        }
        if let Some(settings) = settings {
            set(settings, &key, &value, place);
        }
        if block == Block::Server || key.starts_with("var.") {
            self.values.insert(key, value);
        }
        true
    }

    #[allow(clippy::too_many_arguments, reason = "a statement, and where it stands")]
    fn include(
        &mut self,
        reading: &mut Reading<'_>,
        word: &str,
        value: Value,
        text: &Arc<Text>,
        line: u32,
        place: &Place,
        block: Block,
    ) {
        let Value::Text(value) = value else {
            self.is_partial(block, place);
            return reading.unresolved(format!("the files of \"{word} {}\"", value.text()), place);
        };
        if word == "include" {
            return self.include_all(reading, &value, text, line, block);
        }
        // Programs are not run. What these print is documented.
        let mut words = value.split_whitespace();
        let program = words.next().unwrap_or("");
        match program.rsplit('/').next().unwrap_or("") {
            "use-ipv6.pl" => {
                let port = words.next().unwrap_or("80");
                let ssl = (port == "443").then(|| (true, place.clone()));
                let settings = Settings { ssl, ..Settings::default() };
                self.sockets.push(Socket { word: format!("[::]:{port}"), place: place.clone(), settings });
            }
            "create-mime.conf.pl" | "create-mime.assign.pl" => {}
            "include-conf-enabled.pl" => {
                self.include_all(reading, "conf-enabled/*.conf", text, line, block);
            }
            "cat" => words.for_each(|path| self.include_all(reading, path, text, line, block)),
            _ => {
                self.is_partial(block, place);
                reading.unresolved(format!("what {value:?} prints"), place);
            }
        }
    }

    /// Statements of the server that are not known stand there.
    fn is_partial(&mut self, block: Block, place: &Place) {
        if block == Block::Server {
            self.server.unknown.get_or_insert_with(|| place.clone());
        }
    }

    /// Relative paths are seen from the main file's directory.
    fn include_all(
        &mut self,
        reading: &mut Reading<'_>,
        path: &str,
        text: &Arc<Text>,
        line: u32,
        block: Block,
    ) {
        let path = beside::moved(reading, self.moved.as_deref(), join(&self.directory, path));
        for included in reading.include_all(text, line, &path, Absent::IsTrouble) {
            self.file(reading, &included, block);
        }
    }
}

fn set(settings: &mut Settings, key: &str, value: &Value, place: Place) {
    match key {
        "server.port" => settings.port = Some((value.text(), place)),
        "server.bind" => settings.bind = Some((value.text(), place)),
        "server.use-ipv6" => settings.use_ipv6 = Some(value.is_on()),
        "server.set-v6only" => settings.v6only = Some(value.is_on()),
        "ssl.engine" => settings.ssl = Some((value.is_on(), place)),
        _ => {}
    }
}
