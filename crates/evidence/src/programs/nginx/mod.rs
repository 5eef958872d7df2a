//! nginx and what is made from it (OpenResty, Angie, Tengine): servers for HTTP, streams and mail.
//! Source: nginx.org's documentation of ngx_core_module (include), ngx_http_core_module,
//! ngx_stream_core_module, ngx_mail_core_module (listen), ngx_http_ssl_module (ssl); nginx-rtmp-module's wiki.

mod listen;
mod tokens;

use super::beside;
use super::vendor_web::{self, Part};
use super::{Program, template};
use crate::reading::{Absent, Reading};
use crate::text::{Place, Text, join};
use listen::{Listen, Sockets};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokens::{Item, Tokens};

pub(super) const PROGRAM: Program = Program {
    name: "nginx",
    aliases: &["openresty", "angie", "tengine", "freenginx", "httpsa"],
    processes: &["nginx", "openresty", "angie"],
    read,
};

/// One installation each: Debian's and RHEL's, or upstream's; OpenResty's; Angie's; Tengine's; Passenger's; Bitnami's.
const USUAL: [&[&str]; 6] = [
    &["/etc/nginx/nginx.conf", "/usr/local/nginx/conf/nginx.conf", "/usr/local/etc/nginx/nginx.conf"],
    &["/usr/local/openresty/nginx/conf/nginx.conf", "/etc/openresty/nginx.conf"],
    &["/etc/angie/angie.conf"],
    &["/usr/local/tengine/conf/nginx.conf", "/etc/tengine/nginx.conf"],
    &["/opt/nginx/conf/nginx.conf"],
    &["/opt/bitnami/nginx/conf/nginx.conf"],
];

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    if mains.is_empty() {
        for places in USUAL {
            if let Some(text) = reading.open_first(places) {
                Instance::read(reading, &text, None);
            }
        }
        vendor_web::read(reading, part, |reading, text, _| Instance::read(reading, text, None));
    }
    for main in mains {
        match reading.open(main) {
            Some(text) => drop(Instance::read(reading, &text, Some(text.directory()))),
            None => reading.trouble(&Place::file(main), "nginx's main file was not read"),
        }
    }
}

/// What a file of the vendor's is, if it is in nginx's syntax: it has blocks by name.
fn part(text: &Text) -> Option<Part> {
    let mut tokens = Tokens::of(text);
    let (mut depth, mut part) = (0_usize, None);
    while let Some(item) = tokens.next() {
        match item {
            Item::Directive { words, opens: true, .. } => {
                let name = words.first().map_or("", String::as_str);
                match depth {
                    0 if name == "events" || Kind::of(name).is_some() => return Some(Part::Main),
                    0 if name == "server" => part = Some(Part::Piece),
                    _ => {}
                }
                depth += 1;
            }
            Item::Close(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    part
}

/// What a server serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Http,
    Stream,
    Mail,
    Rtmp,
}

impl Kind {
    fn of(block: &str) -> Option<Kind> {
        match block {
            "http" => Some(Kind::Http),
            "stream" => Some(Kind::Stream),
            "mail" => Some(Kind::Mail),
            "rtmp" => Some(Kind::Rtmp),
            _ => None,
        }
    }

    fn default_port(self) -> Option<u16> {
        match self {
            Kind::Http => Some(80),
            Kind::Rtmp => Some(1935),
            Kind::Stream | Kind::Mail => None,
        }
    }
}

/// The block that a directive stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Main,
    Service(Kind),
    Server(usize),
    /// Nothing in it opens a socket.
    Other,
}

struct Server {
    kind: Kind,
    place: Place,
    listens: Vec<Listen>,
    is_silent: bool,
    /// `ssl on;`, which was before `listen … ssl`.
    ssl: Option<Option<Place>>,
    protocol: Option<&'static str>,
}

/// One running nginx.
struct Instance {
    /// Relative paths are seen from the main file's directory.
    prefix: String,
    /// Where a main file that was named lies.
    moved: Option<String>,
    /// The paths of what was read.
    read: BTreeSet<String>,
    servers: Vec<Server>,
    /// What is open of a template that the files may be.
    template: template::Blocks,
    /// `ssl on;` of a whole `http` or `mail`.
    ssl: Vec<(Kind, Place)>,
    is_fragment: bool,
}

impl Instance {
    fn read(reading: &mut Reading<'_>, main: &Arc<Text>, moved: Option<&str>) -> BTreeSet<String> {
        let prefix = main.directory().to_owned();
        let moved = moved.map(str::to_owned);
        let (read, servers, ssl) = (BTreeSet::new(), Vec::new(), Vec::new());
        let mut instance = Instance {
            prefix,
            moved,
            read,
            servers,
            ssl,
            is_fragment: false,
            template: template::Blocks::default(),
        };
        instance.file(reading, main, Block::Main);
        let read = std::mem::take(&mut instance.read);
        instance.open(reading);
        read
    }

    /// One file, all of it in one block of the file that includes it.
    fn file(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>, outside: Block) {
        self.read.insert(text.path().to_owned());
        let mut tokens = Tokens::of(text);
        let mut blocks = vec![outside];
        // One word of trouble a line is enough.
        let mut wrong_line = 0;
        while let Some(item) = tokens.next() {
            match item {
                Item::Directive { words, line, opens } => {
                    let block = blocks.last().copied().unwrap_or(Block::Other);
                    if opens {
                        blocks.push(self.begin(reading, block, &words, text, line));
                    } else {
                        self.directive(reading, block, &words, text, line);
                    }
                }
                Item::Close(_) if blocks.len() > 1 => drop(blocks.pop()),
                Item::Close(line) | Item::Broken(line, _) if line == wrong_line => {}
                Item::Close(line) => {
                    wrong_line = line;
                    reading.trouble(&text.place(line), "\"}\" closes nothing");
                }
                Item::Template(line, what) => {
                    reading.unresolved(format!("what a template makes of {what:?}"), &text.place(line));
                    self.template.take(&what);
                }
                Item::Broken(line, what) => {
                    wrong_line = line;
                    reading.trouble(&text.place(line), what);
                }
            }
        }
        if blocks.len() > 1 {
            let place = text.place(tokens.line());
            reading.trouble(&place, "the file ends within a block; expected \"}\"");
        }
    }

    fn begin(
        &mut self,
        reading: &mut Reading<'_>,
        block: Block,
        words: &[String],
        text: &Arc<Text>,
        line: u32,
    ) -> Block {
        let name = words.first().map_or("", String::as_str);
        match (block, name) {
            (Block::Main, "server") => {
                let at = text.place(line);
                if !self.is_fragment {
                    let what = "server outside http: read as a file that http includes";
                    reading.trouble(&at, what);
                }
                self.is_fragment = true;
                self.server(Kind::Http, at)
            }
            (Block::Main, _) => Kind::of(name).map_or(Block::Other, Block::Service),
            (Block::Service(kind), "server") => self.server(kind, text.place(line)),
            _ => Block::Other,
        }
    }

    fn server(&mut self, kind: Kind, place: Place) -> Block {
        let listens = Vec::new();
        // One that may be left out has no socket by default either.
        let is_silent = !self.template.is_open();
        self.servers.push(Server { kind, place, listens, is_silent, ssl: None, protocol: None });
        Block::Server(self.servers.len() - 1)
    }

    fn directive(
        &mut self,
        reading: &mut Reading<'_>,
        block: Block,
        words: &[String],
        text: &Arc<Text>,
        line: u32,
    ) {
        let Some((name, values)) = words.split_first() else { return };
        let value = values.first().map_or("", String::as_str);
        match (name.as_str(), block) {
            (_, Block::Other) => {}
            ("include", _) => self.include(reading, block, value, text, line),
            ("ssl", Block::Service(kind)) if value == "on" => self.ssl.push((kind, text.place(line))),
            (_, Block::Server(at)) => {
                let Some(server) = self.servers.get_mut(at) else { return };
                match name.as_str() {
                    "listen" => {
                        let place = text.place(line);
                        server.is_silent = false;
                        if self.template.is_open() {
                            let what =
                                format!("whether {:?} stands: a template's condition", words.join(" "));
                            return reading.unresolved(what, &place);
                        }
                        server.listens.extend(listen::parse(reading, server.kind, values, &place));
                    }
                    "ssl" => server.ssl = Some((value == "on").then(|| text.place(line))),
                    "protocol" => server.protocol = mail(value),
                    // Only a stream is passed on as a whole.
                    "proxy_pass" if self.is_fragment => server.kind = Kind::Stream,
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn include(&mut self, reading: &mut Reading<'_>, block: Block, value: &str, text: &Arc<Text>, line: u32) {
        let place = text.place(line);
        if value.contains(['$', '{', '<']) {
            return reading.unresolved(format!("the files of \"include {value}\""), &place);
        }
        let path = beside::moved(reading, self.moved.as_deref(), join(&self.prefix, value));
        for included in reading.include_all(text, line, &path, Absent::IsTrouble) {
            self.file(reading, &included, block);
        }
    }

    fn open(self, reading: &mut Reading<'_>) {
        let mut sockets = Sockets::default();
        let mut is_over = None;
        for Server { kind, place, listens, is_silent, ssl, protocol } in self.servers {
            let all = self.ssl.iter().find(|(of, _)| *of == kind).map(|(_, place)| place);
            let ssl = ssl.as_ref().map_or(all, Option::as_ref);
            if is_silent && kind == Kind::Http && sockets.add_default(&place, ssl) {
                is_over = Some(place.clone());
            }
            for listen in listens {
                let purpose = protocol.unwrap_or_else(|| purpose(kind, &listen));
                if sockets.add(kind, listen, purpose, ssl) {
                    is_over = Some(place.clone());
                }
            }
        }
        sockets.open(reading);
        if let Some(place) = is_over {
            reading.trouble(&place, "more sockets than are read; the others are left out");
        }
    }
}

fn mail(protocol: &str) -> Option<&'static str> {
    ["smtp", "imap", "pop3"].into_iter().find(|known| *known == protocol)
}

/// Where mail does not say its protocol, the usual port does.
fn purpose(kind: Kind, listen: &Listen) -> &'static str {
    match (kind, listen.first_port()) {
        (Kind::Http, _) => "http",
        (Kind::Stream, _) => "stream",
        (Kind::Rtmp, _) => "rtmp",
        (Kind::Mail, 143 | 993) => "imap",
        (Kind::Mail, 110 | 995) => "pop3",
        (Kind::Mail, _) => "smtp",
    }
}
