//! The command line of memcached, as packages keep it in a file.
//! Source: Debian's `start-memcached`; `/etc/sysconfig/memcached` of RHEL and openSUSE; `/etc/conf.d/memcached`
//! of Gentoo and Alpine.
//! Not here: what an option means.

use super::super::template;
use crate::formats::shell::{Assignment, assignments};
use crate::reading::Reading;
use crate::text::{Place, Text};

/// One option of the command line, with its value, and where it stands.
pub(super) struct Given {
    pub(super) option: String,
    pub(super) value: String,
    pub(super) place: Place,
}

/// Variables of a value each, and the option that it is handed over with.
const SINGLE: [(&str, &str); 4] = [("PORT", "-p"), ("UDPPORT", "-U"), ("LISTENON", "-l"), ("SOCKET", "-s")];
/// Variables of further options: RHEL's, openSUSE's, Gentoo's.
const SEVERAL: [&str; 3] = ["OPTIONS", "MEMCACHED_PARAMS", "MISC_OPTS"];

/// All options of a file in order.
pub(super) fn of(reading: &mut Reading<'_>, text: &Text) -> Vec<Given> {
    let assigned = assignments(text);
    let is_known = |a: &Assignment| SEVERAL.contains(&a.key.as_str()) || single(&a.key).is_some();
    if assigned.iter().any(is_known) { sysconfig(text, &assigned) } else { debian(reading, text) }
}

fn single(key: &str) -> Option<&'static str> {
    SINGLE.iter().find(|(known, _)| *known == key).map(|(_, option)| *option)
}

/// An option a line, as on the command line. A `#` begins a comment anywhere; lines that do not begin with a
/// dash are none of the server's.
fn debian(reading: &mut Reading<'_>, text: &Text) -> Vec<Given> {
    let (mut given, mut blocks) = (Vec::new(), template::Blocks::default());
    for (number, line) in text.lines() {
        let (line, place) = (line.split('#').next().unwrap_or(""), text.place(number));
        let word = line.trim_start();
        // The script passes over lines that would make a daemon of it or show help.
        if word.starts_with("-d") || word.starts_with("-h") {
            continue;
        }
        if word.starts_with('-') {
            let mut those = options(template::words(line).into_iter().map(|word| (word, place.clone())));
            those.iter_mut().for_each(|given| given.value = blocks.value(&given.value).to_owned());
            given.append(&mut those);
        } else {
            blocks.is_statement(reading, line, &place);
        }
    }
    given
}

/// A shell's assignments; the last of a variable counts, and what is empty is not handed over.
fn sysconfig(text: &Text, assigned: &[Assignment]) -> Vec<Given> {
    let mut given = Vec::new();
    let is_last = |at: usize, key: &str| !assigned.iter().skip(at + 1).any(|later| later.key == key);
    let those = assigned.iter().enumerate().filter(|(at, a)| is_last(*at, &a.key)).map(|(_, a)| a);
    for Assignment { key, value, words, line } in those.take(VARIABLES_MAX) {
        if let Some(option) = single(key).filter(|_| !value.trim().is_empty()) {
            let (option, value, place) = (option.to_owned(), value.trim().to_owned(), text.place(*line));
            given.push(Given { option, value, place });
        } else if SEVERAL.contains(&key.as_str()) {
            given.extend(options(joined(words).map(|(word, line)| (word, text.place(line)))));
        }
    }
    given
}

/// Variables of one file. Real ones have fewer than twenty.
const VARIABLES_MAX: usize = 1_000;

/// The words of a placeholder, which a shell takes apart, are one again.
fn joined(words: &[(String, u32)]) -> impl Iterator<Item = (String, u32)> {
    let line = words.first().map_or(1, |(_, line)| *line);
    let has_placeholder = words.iter().any(|(word, _)| template::is_in(word));
    let all: Vec<(String, u32)> = if has_placeholder {
        let text: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
        template::words(&text.join(" ")).into_iter().map(|word| (word, line)).collect()
    } else {
        words.to_vec()
    };
    all.into_iter()
}

/// `-l 127.0.0.1`, `-l127.0.0.1`, `-dl 127.0.0.1`, `--listen=127.0.0.1`, `--listen 127.0.0.1`.
fn options(words: impl Iterator<Item = (String, Place)>) -> Vec<Given> {
    let mut given: Vec<Given> = Vec::new();
    for (word, place) in words {
        if word.starts_with("--") {
            let (option, value) = word.split_once('=').unwrap_or((&word, ""));
            given.push(Given { option: option.to_owned(), value: value.to_owned(), place });
        } else if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            bundle(&mut given, letters, &place);
        } else if let Some(last) = given.last_mut().filter(|last| last.value.is_empty()) {
            last.value = word;
        }
    }
    given
}

/// Letters of options without a value may stand together; the first with one takes the rest.
fn bundle(given: &mut Vec<Given>, letters: &str, place: &Place) {
    const WITHOUT_VALUE: &str = "ACdFhikLMrSvVXZ";
    let mut rest = letters.chars();
    while let Some(letter) = rest.next() {
        let has_value = !WITHOUT_VALUE.contains(letter);
        // Of those without a value only TLS's tells.
        if has_value || letter == 'Z' {
            let value = if has_value { rest.as_str().to_owned() } else { String::new() };
            given.push(Given { option: format!("-{letter}"), value, place: place.clone() });
        }
        if has_value {
            return;
        }
    }
}
