//! `advanced.config` and the old `rabbitmq.config`: one list of applications with their parameters.

use super::{Bind, Settings, Web};
use crate::formats::erlang::{self, Node, Term};
use crate::reading::Reading;
use crate::text::{Place, Text};

pub(super) fn apply(reading: &mut Reading<'_>, text: &Text, settings: &mut Settings) {
    let read = erlang::parse(reading, text);
    let terms = read.terms;
    settings.is_cut |= read.is_cut;
    if terms.len() != 1 || terms.first().is_some_and(|term| !matches!(term.node, Node::List(_))) {
        let what = "expected one list of applications, ended by a dot (the broker would not start)";
        reading.trouble(&text.whole(), what);
    }
    for (application, parameters) in terms.iter().flat_map(Term::list).filter_map(Term::pair) {
        for (key, value) in parameters.list().iter().filter_map(Term::pair) {
            take(reading, text, settings, (application, key), value);
        }
    }
}

fn take(
    reading: &mut Reading<'_>,
    text: &Text,
    settings: &mut Settings,
    (application, key): (&str, &str),
    value: &Term,
) {
    let place = text.place(value.line);
    let is_listener =
        matches!(key, "tcp_listeners" | "ssl_listeners" | "tcp_config" | "ssl_config" | "listener");
    if value.is_perhaps && is_listener {
        reading.unresolved(format!("whether {application} has these {key}"), &place);
    }
    match (application, key) {
        ("kernel", "inet_dist_listen_min" | "inet_dist_listen_max" | "inet_dist_use_interface") => {
            let word = if value.is_perhaps { format!("{} or none", word(value)) } else { word(value) };
            settings.kernel.insert(key.to_owned(), (word, place));
        }
        (_, "tcp_listeners") => list(reading, text, settings, (application, "tcp_listeners"), value),
        (_, "ssl_listeners") => list(reading, text, settings, (application, "ssl_listeners"), value),
        (_, "tcp_config") => web(text, settings, (application, "tcp_config"), value),
        (_, "ssl_config") => web(text, settings, (application, "ssl_config"), value),
        (_, "listener") => web(text, settings, (application, "listener"), value),
        _ => {}
    }
}

fn list(
    reading: &mut Reading<'_>,
    text: &Text,
    settings: &mut Settings,
    (application, key): (&str, &'static str),
    value: &Term,
) {
    if let Node::Placeholder(written) = &value.node {
        reading.unresolved(format!("the listeners {written:?}"), &text.place(value.line));
    }
    let sure = value.list().iter().filter(|one| !one.is_perhaps);
    let binds = sure.filter_map(|one| bind(reading, one, &text.place(one.line))).collect();
    settings.lists.insert((application.to_owned(), key), binds);
}

/// `5672`, `{"192.0.2.1", 5672}`, `{"::", 5672, inet6}`.
fn bind(reading: &mut Reading<'_>, one: &Term, place: &Place) -> Option<Bind> {
    let (host, port) = match one.tuple() {
        [] => (None, one),
        [host, port, ..] => (Some(word(host)), port),
        [port] => (None, port),
    };
    if port.integer().is_none() {
        reading.unresolved(format!("the listener's port {:?}", word(port)), place);
        return None;
    }
    Some(Bind { host: host.filter(|host| host != "auto"), port: word(port), place: place.clone() })
}

fn web(text: &Text, settings: &mut Settings, (application, key): (&str, &'static str), value: &Term) {
    let said = |key: &str| value.property(key).map(|term| (word(term), text.place(term.line)));
    let is_tls = value.is_set("ssl").then(|| value.property("ssl").unwrap_or(value));
    let web = Web {
        ip: said("ip"),
        port: said("port"),
        is_tls: is_tls.map(|term| text.place(term.line)),
        place: Some(text.place(value.line)),
        is_off: value.list().is_empty(),
        is_unknown: value.is_perhaps,
    };
    settings.webs.insert((application.to_owned(), key), web);
}

/// A string, a number, or an address as Erlang has it: `{127,0,0,1}`.
fn word(term: &Term) -> String {
    let numbers: Vec<i64> = term.tuple().iter().filter_map(Term::integer).collect();
    match (&term.node, numbers.as_slice()) {
        (Node::Integer(integer), _) => integer.to_string(),
        (Node::Tuple(_), [_, _, _, _]) => join(&numbers, ".", |n| n.to_string()),
        (Node::Tuple(_), [_, _, _, _, _, _, _, _]) => join(&numbers, ":", |n| format!("{n:x}")),
        _ => term.text().unwrap_or("").to_owned(),
    }
}

fn join(numbers: &[i64], between: &str, shown: impl Fn(&i64) -> String) -> String {
    numbers.iter().map(shown).collect::<Vec<_>>().join(between)
}
