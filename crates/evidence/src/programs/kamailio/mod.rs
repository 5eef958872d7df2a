//! Kamailio, and SER and OpenSER before it: its script's core parameters and the modules that open sockets.
//! Source: Kamailio's core cookbook (`listen`, `socket`, `port`, `enable_tls`, `auto_bind_ipv6`), kamailio(8)
//! for `-A` and `-l`, and each module's README. What no page says was seen of Kamailio 5.6.

mod ipsec;
mod listen;
mod modules;
mod options;

use super::Program;
use crate::formats::sipscript::statement::{block, loaded, parameter, template};
use crate::formats::sipscript::{Dialect, Kind, Script, Token, socket};
use crate::reading::Reading;
use crate::text::{Place, Text};
use listen::Core;
use std::sync::Arc;

pub(super) const PROGRAM: Program = Program {
    name: "kamailio",
    aliases: &["ser", "openser", "sip-router"],
    processes: &["kamailio", "ser", "openser", "sip-router"],
    read,
};

/// Packages', upstream's default prefix, and the older names.
const USUAL: [&str; 6] = [
    "/etc/kamailio/kamailio.cfg",
    "/usr/local/etc/kamailio/kamailio.cfg",
    "/opt/kamailio/etc/kamailio/kamailio.cfg",
    "/etc/openser/openser.cfg",
    "/usr/local/etc/openser/openser.cfg",
    "/etc/ser/ser.cfg",
];

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    let options = options::read(reading);
    if !mains.is_empty() {
        for main in mains {
            match reading.open(main) {
                Some(text) => script(reading, &text, &options),
                None if reading.mode(main).is_none() => {
                    reading.trouble(&Place::file(main), "there is no such file");
                }
                None => {}
            }
        }
        return;
    }
    let named = options.main.as_deref().and_then(|path| reading.open(path));
    if let Some(text) = named.or_else(|| reading.open_first(&USUAL)) {
        script(reading, &text, &options);
    }
}

fn script(reading: &mut Reading<'_>, main: &Arc<Text>, options: &options::Options) {
    let mut script = Script::new(Dialect::Kamailio, main);
    let mut core = Core::default();
    options.apply(&mut script, &mut core, reading);
    let mut modules = modules::Modules::default();
    while let Some(token) = script.next(reading) {
        statement(&mut script, reading, token, &mut core, &mut modules);
    }
    core.open(reading, main);
    modules.open(reading);
}

/// One statement of the outermost level; blocks of the routing logic are passed over.
fn statement(
    script: &mut Script,
    reading: &mut Reading<'_>,
    token: Token,
    core: &mut Core,
    modules: &mut modules::Modules,
) {
    if token.is('{') {
        return block(script, reading, &token);
    }
    if token.kind == Kind::Template {
        return template(script, reading, &token);
    }
    let Some(word) = token.word() else { return };
    match word {
        "loadmodule" | "loadmodulex" => {
            if let Some((module, place)) = loaded(script, reading, &token) {
                core.module(&module, &place);
                modules.loaded(&module, &place);
                // Kamailio defines this of every module that it loads.
                script.define(&format!("MOD_{module}"), "", place);
            }
        }
        "modparam" | "modparamx" => {
            if let Some(parameter) = parameter(script, reading, &token) {
                modules.set(parameter);
            }
        }
        "listen" | "socket" if script.take(reading, '=').is_some() => {
            core.is_told = true;
            match script.has(reading, 0, '{') {
                true => attributes(script, reading, core),
                false => sockets(script, reading, &token, core),
            }
        }
        name if script.take(reading, '=').is_some() => core.set(script, reading, name, &token),
        _ => {}
    }
}

fn is_protocol(word: &str) -> bool {
    matches!(word, "udp" | "UDP" | "tcp" | "TCP" | "tls" | "TLS" | "sctp" | "SCTP")
}

/// `listen=a b advertise c:1 name "d"`: several sockets, then words that open none.
fn sockets(script: &mut Script, reading: &mut Reading<'_>, word: &Token, core: &mut Core) {
    loop {
        let Some(socket) = socket::read(script, reading, is_protocol) else { return };
        core.sockets.extend(core.has_room().then_some(socket));
        if !is_another(script, reading) {
            break;
        }
    }
    while passed_tail(script, reading, word) {}
    // What is left of the line and is no statement: a placeholder with blanks, or something too many.
    let is_left = |next: &Token| matches!(next.kind, Kind::Mark(mark) if !matches!(mark, ';' | '}'));
    if script.peek(reading, 0).is_some_and(|next| next.is_beside(word) && is_left(next)) {
        let place = script.place(word);
        socket::not_read(reading, &[place]);
        script.end_line(reading, word);
    }
}

/// Words behind a socket that open none. What is advertised may be a name that nobody here knows.
fn passed_tail(script: &mut Script, reading: &mut Reading<'_>, word: &Token) -> bool {
    let Some(next) = script.peek(reading, 0).cloned() else { return false };
    match next.text.to_ascii_lowercase().as_str() {
        "advertise" => {
            let advertise = script.next(reading);
            script.next(reading);
            while script.peek(reading, 0).is_some_and(|next| is_address(next, advertise.as_ref())) {
                script.next(reading);
            }
        }
        "name" | "agname" | "vrf" => drop((script.next(reading), script.next(reading))),
        "virtual" => drop(script.next(reading)),
        _ if next.kind == Kind::Template && next.is_beside(word) => drop(script.next(reading)),
        _ => return false,
    }
    true
}

/// Whether a token goes on with the address that is advertised.
fn is_address(next: &Token, advertise: Option<&Token>) -> bool {
    let is_other = matches!(next.kind, Kind::Mark(';' | '}'))
        || next.word().is_some_and(|word| matches!(word, "name" | "NAME" | "agname" | "AGNAME" | "virtual"));
    advertise.is_some_and(|advertise| next.is_beside(advertise)) && !is_other
}

/// Whether one more socket follows, and not the next statement.
fn is_another(script: &mut Script, reading: &mut Reading<'_>) -> bool {
    const STATEMENTS: [&str; 11] = [
        "advertise",
        "ADVERTISE",
        "name",
        "NAME",
        "agname",
        "AGNAME",
        "vrf",
        "virtual",
        "flags",
        "bool",
        "avpflags",
    ];
    let Some(next) = script.peek(reading, 0) else { return false };
    match next.kind {
        Kind::Text => return true,
        Kind::Mark(mark) => return matches!(mark, '[' | '(' | '*'),
        Kind::Variable | Kind::Template => return false,
        Kind::Word if STATEMENTS.contains(&next.text.as_str()) => return false,
        Kind::Word => {}
    }
    match script.peek(reading, 1).map(|token| token.kind) {
        Some(Kind::Text) | Some(Kind::Mark('=' | '(' | '{' | '[')) => false,
        // `x.y = value` is a variable of the script.
        Some(Kind::Mark('.')) => !script.has(reading, 3, '='),
        _ => true,
    }
}

/// `socket = { bind = udp:192.0.2.1:5060; name = "a"; … }`, since 5.7.
fn attributes(script: &mut Script, reading: &mut Reading<'_>, core: &mut Core) {
    let Some(open) = script.next(reading) else { return };
    while let Some(token) = script.next(reading) {
        match token.word() {
            _ if token.is('}') => return,
            Some("bind") if script.take(reading, '=').is_some() => {
                let socket = socket::read(script, reading, is_protocol);
                core.sockets.extend(socket.filter(|_| core.has_room()));
            }
            _ => {}
        }
    }
    let place = script.place(&open);
    reading.trouble(&place, "the block is not closed");
}
