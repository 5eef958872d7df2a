//! Any bytes: reading them ends, without a panic and within bounds. Each case's files, mutated, and files of
//! nothing but noise, nesting, and one long line. The seed of a failure is printed by proptest.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use proptest::prelude::*;
use rolewall_evidence::{Files, Found, HostFacts, NamedFile, Unreadable, programs};
use std::cell::Cell;
use support::{Case, Memory, cases};

fn read_as(program: &str, bytes: Vec<u8>) -> Found {
    let mut memory = Memory::default();
    memory.files.insert("/noise".into(), bytes);
    let named = NamedFile { program: program.to_owned(), path: "/noise".into() };
    programs::read(&memory, &HostFacts::default(), &[named])
}

fn assert_bounded(found: &Found) {
    // The bounds of a reading: 200 troubles and 200 unresolved values a program.
    assert!(found.troubles.len() <= 200 * programs::PROGRAMS.len());
    assert!(found.unresolved.len() <= 200 * programs::PROGRAMS.len());
    assert!(found.endpoints.len() < 100_000);
}

/// Words that steer one syntax or another.
const WORDS: [&str; 28] = [
    "{", "}", "[", "]", "(", ")", "\"", "'", ";", ",", "#", "=", ":", "\n", "\r\n", "\t", "\\", "<", ">",
    "&", "%", "$", "include", "listen", "port", "*", "::", "é",
];

#[derive(Debug, Clone)]
enum Mutation {
    Cut(usize, usize),
    Insert(usize, usize),
    Copy(usize, usize, usize),
    Byte(usize, u8),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = 0..1_000_000usize;
    prop_oneof![
        (at.clone(), 0..200usize).prop_map(|(at, length)| Mutation::Cut(at, length)),
        (at.clone(), 0..WORDS.len()).prop_map(|(at, word)| Mutation::Insert(at, word)),
        (at.clone(), at.clone(), 0..200usize).prop_map(|(from, to, length)| Mutation::Copy(from, to, length)),
        (at, any::<u8>()).prop_map(|(at, byte)| Mutation::Byte(at, byte)),
    ]
}

fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
    let size = bytes.len().max(1);
    let range = |at: usize, length: usize, bytes: &[u8]| {
        let start = (at % size).min(bytes.len());
        start..(start + length).min(bytes.len())
    };
    match *mutation {
        Mutation::Cut(at, length) => drop(bytes.drain(range(at, length, bytes))),
        Mutation::Insert(at, word) => {
            let at = range(at, 0, bytes);
            bytes.splice(at, WORDS[word].bytes());
        }
        Mutation::Copy(from, to, length) => {
            let copied = bytes[range(from, length, bytes)].to_vec();
            let to = range(to, 0, bytes);
            bytes.splice(to, copied);
        }
        Mutation::Byte(at, byte) => {
            if let Some(b) = bytes.get_mut(at % size) {
                *b = byte;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn noise_is_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        for program in programs::PROGRAMS {
            assert_bounded(&read_as(program.name, bytes.clone()));
        }
    }

    #[test]
    fn words_in_any_order_are_read_without_panic(words in prop::collection::vec(0..WORDS.len(), 0..400)) {
        let text: String = words.iter().map(|word| WORDS[*word]).collect();
        for program in programs::PROGRAMS {
            assert_bounded(&read_as(program.name, text.clone().into_bytes()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn real_files_with_mutations_are_read_without_panic(
        mutations in prop::collection::vec(mutation(), 1..12),
    ) {
        for folder in cases() {
            let mut case = Case::of(&folder);
            for bytes in case.memory.files.values_mut() {
                mutations.iter().for_each(|mutation| mutate(bytes, mutation));
            }
            assert_bounded(&case.read());
        }
    }
}

#[test]
fn deep_nesting_and_long_lines_end() {
    let openers =
        ["{", "[", "(", "<a>", "((", "{a:", "[{", "#!ifdef A\n", "<IfModule a>\n", "server {", "\"", "\\"];
    for opener in openers {
        let deep = opener.repeat(200_000 / opener.len());
        for program in programs::PROGRAMS {
            assert_bounded(&read_as(program.name, deep.clone().into_bytes()));
        }
    }
    let long = format!("listen {}", "a".repeat(4 << 20));
    for program in programs::PROGRAMS {
        assert_bounded(&read_as(program.name, long.clone().into_bytes()));
    }
}

#[test]
fn what_multiplies_ends() {
    let lines = [
        "[a](a,a)\n",
        "[a](+,a,a)\nb += c\n",
        ";--\n",
        "<X-PRE-PROCESS cmd=\"set\" data=\"a=$${a}$${a}b\"/>$${a}\n",
        "A=$A$A-\n",
        "<param name=\"a\" value=\"b\"/>",
    ];
    for line in lines {
        let repeated = format!("[a]\nb = c\n<profile><settings>\n{}", line.repeat(200_000 / line.len()));
        for program in programs::PROGRAMS {
            assert_bounded(&read_as(program.name, repeated.clone().into_bytes()));
        }
    }
}

#[test]
fn many_endpoints_end() {
    let address = |i: u32| format!("10.{}.{}.{}", i >> 16, i >> 8 & 255, i & 255);
    let lines = |before: &str, after: &str| -> String {
        (0..11_000).map(|i| format!("{before}{}{after}", address(i))).collect()
    };
    let files = [
        format!("[general]\n{}", lines("bindaddr=", "\n")),
        format!("[rtpengine]\ninterface={}", lines("", ";")),
        format!("[rtpengine]\ninterface={}", "10.0.0.1;".repeat(11_000)),
        lines("listen ", ":80;\n"),
        lines("Listen ", ":80\n"),
        lines("listen=udp:", ":5060\n"),
    ];
    for bytes in files {
        for program in programs::PROGRAMS {
            let found = read_as(program.name, bytes.clone().into_bytes());
            assert!(found.endpoints.len() <= 10_000);
            assert!(found.endpoints.iter().all(|endpoint| endpoint.evidence.len() <= 40));
        }
    }
}

/// A main file in a disk whose every directory holds links back to itself.
struct Circles {
    main: &'static str,
    lists: Cell<usize>,
}

impl Files for Circles {
    fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
        match path {
            "/main" => Ok(self.main.into()),
            _ => Err(Unreadable::Because("it is a directory".into())),
        }
    }

    fn list(&self, _: &str) -> Result<Vec<String>, Unreadable> {
        self.lists.set(self.lists.get() + 1);
        Ok(vec!["a".to_owned(), "b".to_owned()])
    }

    fn mode(&self, _: &str) -> Option<u32> {
        Some(0o755)
    }
}

#[test]
fn directories_in_circles_end() {
    let mains = ["Include gone\n", "Include /*/*/*/*/*/*/*/*/*/*/*\nInclude /a/*/*/*/*/*/*/*/*/*/*/*\n"];
    for main in mains {
        for program in programs::PROGRAMS {
            let circles = Circles { main, lists: Cell::new(0) };
            let named = NamedFile { program: program.name.to_owned(), path: "/main".into() };
            let wanted = |one: &programs::Program| one.name == program.name;
            assert_bounded(&programs::read_those(&circles, &HostFacts::default(), &[named], wanted));
            assert!(circles.lists.get() <= 10_000, "{} {}", program.name, circles.lists.get());
        }
    }
}

#[test]
fn trouble_behind_the_end_of_a_file_is_at_its_last_line() {
    let found = read_as("elasticsearch", b"network.host: 0.0.0.0\nhttp.port: [1\n\n  \"".to_vec());
    assert!(found.troubles.iter().all(|trouble| trouble.source == "/noise:4"), "{:?}", found.troubles);
    assert!(!found.troubles.is_empty());
}
