//! `ejabberd.cfg` of versions before 13.10: Erlang terms, made into the tree that the YAML form is.

use crate::formats::erlang::{self, Node as Of, Term};
use crate::formats::yaml::{Node, Yaml};
use crate::reading::Reading;
use crate::text::Text;
use std::sync::Arc;

type Map = Vec<(Arc<Yaml>, Arc<Yaml>)>;

pub(super) fn parse(reading: &mut Reading<'_>, text: &Text) -> Arc<Yaml> {
    let read = erlang::parse(reading, text);
    let options = read.terms.iter().flat_map(option).collect();
    Arc::new(Yaml { line: 1, node: Node::Map(options) })
}

fn option(term: &Term) -> Map {
    match term.tuple() {
        [name, ports] if name.atom() == Some("listen") => {
            let items = ports.list().iter().map(listener).collect();
            vec![(word(name), Arc::new(Yaml { line: ports.line, node: Node::List(items) }))]
        }
        [name, modules] if name.atom() == Some("modules") => vec![(word(name), properties(modules))],
        [name, path] if name.atom() == Some("include_config_file") => vec![(word(name), word(path))],
        [name, path, options] if name.atom() == Some("include_config_file") => {
            vec![(word(name), map(name.line, vec![(word(path), properties(options))]))]
        }
        [name, macro_name, value] if name.atom() == Some("define_macro") => {
            vec![(word(name), map(name.line, vec![(word(macro_name), tree(value))]))]
        }
        [name, host, options] if name.atom() == Some("host_config") => {
            vec![(word(name), map(name.line, vec![(word(host), host_options(options))]))]
        }
        _ => Vec::new(),
    }
}

/// `{modules, […]}`, and `{{add, modules}, […]}`.
fn host_options(options: &Term) -> Arc<Yaml> {
    let pairs = options.list().iter().filter_map(|one| match one.tuple() {
        [key, value] => Some((word(key.tuple().last().unwrap_or(key)), properties(value))),
        _ => None,
    });
    map(options.line, pairs.collect())
}

/// `{5222, ejabberd_c2s, […]}`, `{{5269, "192.0.2.1"}, …}`, `{{5060, udp}, …}`, `{{5060, "::", udp}, …}`.
fn listener(term: &Term) -> Arc<Yaml> {
    let [port, module, options @ ..] = term.tuple() else { return tree(term) };
    let key = |name: &str, of: &Term| scalar(of.line, name.to_owned());
    let mut said: Map = vec![(key("module", module), word(module.tuple().last().unwrap_or(module)))];
    let (number, rest) = match port.tuple() {
        [number, rest @ ..] => (number, rest),
        [] => (port, &[][..]),
    };
    said.push((key("port", number), tree(number)));
    for one in rest {
        let name = if matches!(one.atom(), Some("tcp" | "udp")) { "transport" } else { "ip" };
        said.push((key(name, one), word(one)));
    }
    let of_address = rest.iter().any(|one| !matches!(one.atom(), Some("tcp" | "udp")));
    for option in options.iter().flat_map(Term::list) {
        let (name, value) = match option.tuple() {
            [name, value] => (name, tree(value)),
            _ => (option, scalar(option.line, "true".to_owned())),
        };
        let is_address = matches!(name.atom(), Some("ip" | "inet6"));
        if !(is_address && of_address) {
            said.push((word(name), value));
        }
    }
    // The first of an option counts here, and the last in YAML.
    said.reverse();
    map(term.line, said)
}

/// A list of `{key, value}` as a map; a value that is such a list again is one too.
fn properties(term: &Term) -> Arc<Yaml> {
    let pairs: Map = term
        .list()
        .iter()
        .map(|one| match one.tuple() {
            [key, value] => (word(key), tree(value)),
            _ => (word(one), scalar(one.line, String::new())),
        })
        .collect();
    map(term.line, pairs)
}

/// Terms are no deeper than their parser lets them be.
fn tree(term: &Term) -> Arc<Yaml> {
    let is_pair = |one: &Term| one.tuple().len() == 2;
    match &term.node {
        Of::List(items) if !items.is_empty() && items.iter().all(is_pair) => properties(term),
        Of::List(items) => {
            Arc::new(Yaml { line: term.line, node: Node::List(items.iter().map(tree).collect()) })
        }
        _ => word(term),
    }
}

/// A scalar; of a tuple of numbers the address that it is.
fn word(term: &Term) -> Arc<Yaml> {
    let numbers: Vec<i64> = term.tuple().iter().filter_map(Term::integer).collect();
    let shown =
        |one: &dyn Fn(&i64) -> String, between| numbers.iter().map(one).collect::<Vec<_>>().join(between);
    let value = match &term.node {
        Of::Integer(integer) => integer.to_string(),
        Of::Number(number) => number.clone(),
        Of::Tuple(_) if numbers.len() == 4 => shown(&i64::to_string, "."),
        Of::Tuple(_) if numbers.len() == 8 => shown(&|n| format!("{n:x}"), ":"),
        _ => term.text().unwrap_or("").to_owned(),
    };
    scalar(term.line, value)
}

fn scalar(line: u32, value: String) -> Arc<Yaml> {
    Arc::new(Yaml { line, node: Node::Scalar { value, is_plain: true } })
}

fn map(line: u32, pairs: Map) -> Arc<Yaml> {
    Arc::new(Yaml { line, node: Node::Map(pairs) })
}
