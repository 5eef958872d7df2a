//! nginx and what is made from it (OpenResty, Angie, Tengine): servers for HTTP, streams and mail.
//! Source: nginx.org's documentation of ngx_core_module (include), ngx_http_core_module,
//! ngx_stream_core_module, ngx_mail_core_module (listen), ngx_http_ssl_module (ssl); nginx-rtmp-module's wiki.

mod listen;
mod tokens;

use super::Program;
use super::relocated::Home;
use crate::reading::{Absent, Reading};
use crate::text::{Place, Text, join};
use listen::{Listen, Sockets};
use std::sync::Arc;
use tokens::{Item, Tokens};

pub(super) const PROGRAM: Program = Program {
    name: "nginx",
    aliases: &["openresty", "angie", "tengine", "freenginx", "httpsa"],
    processes: &["nginx", "openresty", "angie"],
    read,
};

/// One installation each: Debian's and RHEL's, or upstream's; OpenResty's; Angie's; Tengine's.
const USUAL: [&[&str]; 4] = [
    &["/etc/nginx/nginx.conf", "/usr/local/nginx/conf/nginx.conf", "/usr/local/etc/nginx/nginx.conf"],
    &["/usr/local/openresty/nginx/conf/nginx.conf", "/etc/openresty/nginx.conf"],
    &["/etc/angie/angie.conf"],
    &["/usr/local/tengine/conf/nginx.conf", "/etc/tengine/nginx.conf"],
];
/// The vendor's web interface, whose server's files are of one style or another by its version.
const VENDOR: [&str; 3] = [
    "/usr/local/voipnow/admin/conf/voipnow.conf",
    "/usr/local/httpsa/conf/nginx.conf",
    "/usr/local/httpsa/conf/httpsa.conf",
];
/// Where their files lie.
const DIRECTORIES: &[&str] = &[
    "/etc/nginx",
    "/usr/local/nginx/conf",
    "/usr/local/etc/nginx",
    "/usr/local/openresty/nginx/conf",
    "/etc/openresty",
    "/etc/angie",
    "/usr/local/tengine/conf",
    "/etc/tengine",
    "/usr/local/httpsa/conf",
    "/usr/local/voipnow/admin/conf",
];

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    if mains.is_empty() {
        for places in USUAL {
            if let Some(text) = reading.open_first(places) {
                Instance::read(reading, &text, &[]);
            }
        }
        let vendor: Vec<Arc<Text>> = VENDOR.iter().filter_map(|path| reading.open(path)).collect();
        for text in vendor.iter().filter(|text| is_nginx_style(text)) {
            Instance::read(reading, text, &[]);
        }
    }
    for main in mains {
        match reading.open(main) {
            Some(text) => Instance::read(reading, &text, &[text.directory()]),
            None => reading.trouble(&Place::file(main), "nginx's main file was not read"),
        }
    }
}

/// lighttpd's style assigns; nginx's has blocks by name.
fn is_nginx_style(text: &Text) -> bool {
    let blocks = ["http", "server", "events", "stream"];
    text.lines().any(|(_, line)| {
        let line = line.trim();
        blocks.iter().any(|name| line.strip_prefix(name).is_some_and(|rest| rest.trim_start() == "{"))
    })
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
    home: Home,
    servers: Vec<Server>,
    /// `ssl on;` of a whole `http` or `mail`.
    ssl: Vec<(Kind, Place)>,
    is_fragment: bool,
}

impl Instance {
    fn read(reading: &mut Reading<'_>, main: &Arc<Text>, moved: &[&str]) {
        let prefix = main.directory().to_owned();
        let home = Home::new(DIRECTORIES, moved);
        let (servers, ssl) = (Vec::new(), Vec::new());
        let mut instance = Instance { prefix, home, servers, ssl, is_fragment: false };
        instance.file(reading, main, Block::Main);
        instance.open(reading);
    }

    /// One file, all of it in one block of the file that includes it.
    fn file(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>, outside: Block) {
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
        self.servers.push(Server { kind, place, listens, is_silent: true, ssl: None, protocol: None });
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
                        server.listens.extend(listen::parse(reading, server.kind, values, &place));
                    }
                    "ssl" => server.ssl = Some((value == "on").then(|| text.place(line))),
                    "protocol" => server.protocol = mail(value),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn include(&mut self, reading: &mut Reading<'_>, block: Block, value: &str, text: &Arc<Text>, line: u32) {
        let place = text.place(line);
        if value.contains(['$', '{']) {
            return reading.unresolved(format!("the files of \"include {value}\""), &place);
        }
        let path = self.home.find(reading, &join(&self.prefix, value), &place);
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
