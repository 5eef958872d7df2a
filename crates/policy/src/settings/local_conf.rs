//! The vendor's `local.conf`: `KEY VALUE [VALUE…]` lines, of which TRUSTED_NET is ours.
//! Not here: the other keys, which are other programs' and are passed over.
//!
//! Taken: blanks or tabs before the key, between values and at the end; lines that begin with `#`; several
//! TRUSTED_NET lines, which add up; prefixes with host bits set (documented input, masked with a note); a
//! bare address, which is that host; IPv6; lines that end in CRLF. The key with no value trusts nobody.
//! A word that begins with `#` begins a comment: the vendor's own scripts know comments only as lines of
//! their own, but no network begins so, and an operator who writes one there means one.

use super::PlacedNet;
use crate::problem::{Gather, Note, Noticed, Text};
use crate::read::{Span, prefix, without_contained};
use crate::{Problems, Source};

/// What local.conf says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalConf {
    /// TRUSTED_NET: never filtered. None inside another.
    pub trusted: Vec<PlacedNet>,
    /// What was taken otherwise than it is written, or is most likely not meant.
    pub notes: Vec<Note>,
}

const KEY: &str = "TRUSTED_NET";

/// Reads the file. A bad entry is an error with its line and column.
pub fn parse(source: &Source) -> Result<LocalConf, Problems> {
    let mut gather = Gather::default();
    let conf = read(source, &mut gather);
    gather.or(conf)
}

pub(super) fn read(source: &Source, gather: &mut Gather) -> LocalConf {
    let text = Text::new(source);
    gather.file(text.path());
    let mut conf = LocalConf::default();
    let mut start = 0;
    for line in source.text.split('\n') {
        let mut words = words(line, start);
        start += line.len() + 1;
        if words.next().is_some_and(|(key, _)| key == KEY) {
            for (word, span) in words {
                network(word, span, &text, &mut conf, gather);
            }
        }
    }
    conf.trusted = without_contained(conf.trusted, |placed| placed.net);
    conf
}

fn network(word: &str, span: Span, text: &Text<'_>, conf: &mut LocalConf, gather: &mut Gather) {
    let net = match prefix(word) {
        Ok(net) => net,
        Err(error) => {
            let help = if word.contains(',') {
                "separate the networks by blanks, not by commas".into()
            } else {
                error.help()
            };
            return gather.add(|| text.problem(span, format!("{KEY}: {error}"), help));
        }
    };
    let taken = net.trunc();
    let mut note = |noticed| conf.notes.push(Note { place: text.place(span.start), noticed });
    if taken != net {
        note(Noticed::HostBits { written: word.to_owned(), taken });
    }
    if taken.prefix_len() == 0 {
        note(Noticed::EveryAddress { list: super::TRUSTED, net: taken });
    }
    conf.trusted.push(PlacedNet { net: taken, place: text.line_place(span.start) });
}

/// The words of a line up to a comment, each with its place in the text.
fn words(line: &str, start: usize) -> impl Iterator<Item = (&str, Span)> {
    let is_blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\u{feff}');
    let mut at = 0;
    let words = std::iter::from_fn(move || {
        let begin = at + line[at..].find(|c| !is_blank(c))?;
        let end = line[begin..].find(is_blank).map_or(line.len(), |n| begin + n);
        at = end;
        Some((&line[begin..end], start + begin..start + end))
    });
    words.take_while(|(word, _)| !word.starts_with('#'))
}
