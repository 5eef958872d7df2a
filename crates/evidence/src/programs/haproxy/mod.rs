//! HAProxy: what `bind`, `stats socket`, peers and log receivers open.
//! Source: HAProxy's configuration manual (bind, global, peers, log-forward, conditional blocks, environment);
//! management.txt (the command line).

mod bind;
mod conditions;
mod peers;
mod service;
mod words;

use super::{Program, template};
use crate::reading::Reading;
use crate::text::{Place, Text};
use crate::{Listener, Transport};
use bind::Socket;
use conditions::Blocks;
use peers::Peers;
use std::collections::BTreeMap;
use std::sync::Arc;
use words::{Environment, words};

pub(super) const PROGRAM: Program =
    Program { name: "haproxy", aliases: &["hapee"], processes: &["haproxy"], read };

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    let mut instance = Instance::default();
    let hostname = reading.facts().hostname.clone();
    instance.set_local(hostname.as_deref());
    if mains.is_empty() {
        instance.service(reading);
    }
    for main in mains {
        match reading.open(main) {
            Some(text) => instance.file(reading, &text),
            None => reading.trouble(&Place::file(main), "HAProxy's main file was not read"),
        }
    }
    instance.open(reading);
}

/// The section that a line stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Global,
    Defaults(usize),
    /// `frontend`, `listen`; a `backend` has no sockets.
    Proxy(usize),
    Peers(usize),
    LogForward,
    Other,
    /// Before the first section of a file.
    Outside,
}

/// What a `defaults` section or a proxy says of itself.
#[derive(Debug, Default, Clone)]
struct Settings {
    is_disabled: Option<bool>,
    is_http: Option<bool>,
}

impl Settings {
    fn take(&mut self, words: &[String]) {
        match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["disabled", ..] => self.is_disabled = Some(true),
            ["enabled", ..] => self.is_disabled = Some(false),
            ["mode", mode, ..] => self.is_http = Some(mode == "http"),
            _ => {}
        }
    }
}

#[derive(Debug, Default)]
struct Proxy {
    settings: Settings,
    /// The `defaults` before it, or by name.
    from: Option<usize>,
    /// With whether TLS is spoken, where that is known.
    binds: Vec<(Socket, Option<bool>, Place)>,
}

/// One running HAProxy: all its files together.
#[derive(Debug, Default)]
struct Instance {
    environment: Environment,
    unix_prefix: String,
    defaults: Vec<Settings>,
    named_defaults: BTreeMap<String, usize>,
    proxies: Vec<Proxy>,
    peers: Peers,
}

impl Instance {
    /// This host's name among peers, which is in the environment as well.
    fn set_local(&mut self, name: Option<&str>) {
        if let Some(name) = name {
            self.peers.local = Some(name.to_owned());
            self.environment.insert("HAPROXY_LOCALPEER".to_owned(), Some(name.to_owned()));
        }
    }

    fn file(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>) {
        let mut section = Section::Outside;
        let (mut blocks, mut template_blocks) = (Blocks::default(), template::Blocks::default());
        for (number, line) in text.lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if template::begins(line) {
                let what = format!("what a template makes of {:?}", text.place(number).said());
                reading.unresolved(what, &text.place(number));
                template_blocks.take(line);
                continue;
            }
            if line.starts_with('.') {
                let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
                if let Err(wrong) = blocks.take(name, rest, &self.environment) {
                    reading.trouble(&text.place(number), wrong);
                }
                continue;
            }
            if blocks.now() == Some(false) {
                continue;
            }
            let words = words(line, &self.environment);
            let is_sure = blocks.now() == Some(true) && !template_blocks.is_open();
            let at = At { text, number, is_sure };
            if let Some(begun) = self.begin(reading, &words, &at) {
                section = begun;
            } else {
                self.line(reading, section, &words, &at);
            }
        }
        if blocks.is_open() {
            reading.trouble(&text.whole(), "the file ends within .if; expected .endif");
            blocks.close_all();
        }
    }

    /// A line that begins a section.
    fn begin(&mut self, reading: &mut Reading<'_>, words: &[String], at: &At<'_>) -> Option<Section> {
        let name = words.get(1).cloned().unwrap_or_default();
        let from = || {
            let named = words.iter().position(|word| word == "from").and_then(|at| words.get(at + 1));
            named.and_then(|name| self.named_defaults.get(name)).copied()
        };
        let last = self.defaults.len().checked_sub(1);
        Some(match words.first()?.as_str() {
            "global" => Section::Global,
            "defaults" => {
                let inherited = from().and_then(|at| self.defaults.get(at)).cloned().unwrap_or_default();
                self.defaults.push(inherited);
                let this = self.defaults.len() - 1;
                self.named_defaults.insert(name, this);
                Section::Defaults(this)
            }
            "frontend" | "listen" => {
                let from = from().or(last);
                self.proxies.push(Proxy { from, ..Proxy::default() });
                let this = self.proxies.len() - 1;
                // Before 2.0 an address could stand here.
                if let Some(word) = words.get(2).filter(|word| word.contains(':')) {
                    self.bind(reading, this, word, words.get(3..).unwrap_or(&[]), at);
                }
                Section::Proxy(this)
            }
            "peers" => Section::Peers(self.peers.section()),
            "log-forward" => Section::LogForward,
            "backend" | "userlist" | "resolvers" | "mailers" | "cache" | "program" | "http-errors"
            | "ring" | "fcgi-app" | "crt-store" | "traces" | "acme" | "ruleset" | "namespace_list" => {
                Section::Other
            }
            _ => return None,
        })
    }

    fn line(&mut self, reading: &mut Reading<'_>, section: Section, words: &[String], at: &At<'_>) {
        let (first, second) = (words.first(), words.get(1));
        let (Some(first), Some(second)) = (first, second.map_or(Some(""), |word| Some(word.as_str()))) else {
            return;
        };
        let options = words.get(2..).unwrap_or(&[]);
        match (section, first.as_str()) {
            (Section::Outside, "bind") => reading.trouble(&at.place(), "bind outside a section"),
            (Section::Proxy(_), "bind") if second.is_empty() => {
                reading.trouble(&at.place(), "bind without an address");
            }
            (Section::Global, _) => self.global(reading, first, second, options, at),
            (Section::Defaults(this), _) if at.is_sure => {
                self.defaults.get_mut(this).into_iter().for_each(|settings| settings.take(words));
            }
            (Section::Proxy(this), "bind") => self.bind(reading, this, second, options, at),
            (Section::Proxy(this), _) if at.is_sure => {
                self.proxies.get_mut(this).into_iter().for_each(|proxy| proxy.settings.take(words));
            }
            (Section::Peers(this), _) => self.peers.line(reading, this, words, at),
            (Section::LogForward, "bind" | "dgram-bind") if at.sure(reading, words) => {
                let is_datagram = first == "dgram-bind";
                let place = at.place();
                for socket in bind::sockets(reading, second, options, &self.unix_prefix, is_datagram, &place)
                {
                    let Socket { transport, address, ports, is_quic: _ } = socket;
                    let listener = Listener::at(transport, address, ports, "syslog").said(&place);
                    let tls = words::tls(options).filter(|_| !is_datagram);
                    reading.listen(tls.into_iter().fold(listener, Listener::tls));
                }
            }
            _ => {}
        }
    }

    fn global(
        &mut self,
        reading: &mut Reading<'_>,
        first: &str,
        second: &str,
        options: &[String],
        at: &At<'_>,
    ) {
        let value = options.first().map_or("", String::as_str);
        match first {
            "setenv" => drop(self.environment.insert(second.to_owned(), Some(value.to_owned()))),
            // Where the service's environment has it, that stays; that is not known here.
            "presetenv" => {
                self.environment.entry(second.to_owned()).or_insert_with(|| Some(value.to_owned()));
            }
            "unsetenv" => {
                let names = std::iter::once(second).chain(options.iter().map(String::as_str));
                names.for_each(|name| drop(self.environment.insert(name.to_owned(), None)));
            }
            "localpeer" => self.set_local(Some(second)),
            "unix-bind" if second == "prefix" => value.clone_into(&mut self.unix_prefix),
            "stats" if second == "socket" && at.sure(reading, &[first.to_owned(), second.to_owned()]) => {
                control(reading, value, &self.unix_prefix, &at.place());
            }
            _ => {}
        }
    }

    fn bind(&mut self, reading: &mut Reading<'_>, proxy: usize, word: &str, options: &[String], at: &At<'_>) {
        if !at.sure(reading, &["bind".to_owned(), word.to_owned()]) {
            return;
        }
        let place = at.place();
        let sockets = bind::sockets(reading, word, options, &self.unix_prefix, false, &place);
        let tls = words::tls(options);
        if let Some(proxy) = self.proxies.get_mut(proxy) {
            proxy.binds.extend(sockets.into_iter().map(|socket| (socket, tls, place.clone())));
        }
    }

    fn open(self, reading: &mut Reading<'_>) {
        let nothing = Settings::default();
        for Proxy { settings, from, binds } in &self.proxies {
            let defaults = from.and_then(|at| self.defaults.get(at)).unwrap_or(&nothing);
            if settings.is_disabled.or(defaults.is_disabled).unwrap_or(false) {
                continue;
            }
            let is_http = settings.is_http.or(defaults.is_http).unwrap_or(false);
            for (socket, tls, place) in binds {
                reading.listen(listener(socket, is_http, *tls).said(place));
            }
        }
        self.peers.open(reading);
    }
}

fn listener(socket: &Socket, is_http: bool, tls: Option<bool>) -> Listener {
    let Socket { transport, address, ports, is_quic } = *socket;
    let is_tls = tls == Some(true);
    let purpose = match (is_http, is_tls) {
        _ if is_quic => "http3",
        (true, true) => "https",
        (true, false) => "http",
        (false, _) => "stream",
    };
    let listener = Listener::at(transport, address, ports, purpose);
    match tls {
        _ if is_tls || is_quic => listener.tls(true),
        // What passes through may be TLS that ends elsewhere.
        Some(false) if is_http && transport == Transport::Tcp => listener.tls(false),
        _ => listener,
    }
}

/// A socket that commands are given on.
fn control(reading: &mut Reading<'_>, word: &str, unix_prefix: &str, place: &Place) {
    for Socket { transport, address, ports, .. } in
        bind::sockets(reading, word, &[], unix_prefix, false, place)
    {
        reading.listen(Listener::at(transport, address, ports, "control").tls(false).said(place));
    }
}

/// A line of a file.
struct At<'t> {
    text: &'t Arc<Text>,
    number: u32,
    /// Whether no condition around it is unknown.
    is_sure: bool,
}

impl At<'_> {
    fn place(&self) -> Place {
        self.text.place(self.number)
    }

    /// Says what stands under a condition that is not known here.
    fn sure(&self, reading: &mut Reading<'_>, words: &[String]) -> bool {
        if !self.is_sure {
            let place = self.place();
            reading
                .unresolved(format!("whether {:?} stands: a condition around it", words.join(" ")), &place);
        }
        self.is_sure
    }
}
