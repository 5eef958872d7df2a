//! Arbitrary inputs: no reader panics, and every place that is named lies in its file.
//! Not here: what good and bad inputs say (golden inputs).

use proptest::prelude::*;
use proptest::sample::select;
use rolewall_policy::problem::{Excerpt, INPUT_BYTES_MAX, Note};
use rolewall_policy::settings::{local_conf, nodeid, window};
use rolewall_policy::{Catalogue, Inventory, PortRange, Problem, Problems, Source, inventory, settings};
use std::path::Path;
use std::sync::LazyLock;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::built_in);

/// Pieces of which inputs that are nearly good are made.
const PIECES: [&str; 64] = [
    "[cluster]\n",
    "[[node]]\n",
    "[role]\n",
    "[[service]]\n",
    "[[service.client]]\n",
    "[[need]]\n",
    "[mode]\n",
    "[limits]\n",
    "[node.ports]\n",
    "name = ",
    "id = ",
    "private = ",
    "public = ",
    "roles = ",
    "ports = ",
    "admin_public = ",
    "who = ",
    "network = ",
    "limit = ",
    "media = ",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "\n",
    "\r\n",
    "\t",
    " ",
    "#",
    "=",
    ".",
    ",",
    "[",
    "]",
    "{",
    "}",
    "\"sip\"",
    "\"sql\"",
    "\"10.20.0.1\"",
    "\"fd20::1\"",
    "\"10.0.0.0/8\"",
    "\"0.0.0.0/0\"",
    "\"tcp/1-65535\"",
    "\"udp/5060\"",
    "\"role:web\"",
    "\"public\"",
    "\"private\"",
    "true",
    "0",
    "-1",
    "1e9",
    "1979-05-27",
    "0x",
    "99999999999999",
    "TRUSTED_NET ",
    "10.10.33.1/24 ",
    "\u{feff}",
    "\u{202e}",
    "é",
    "語",
    "\u{0}",
    "\\u00e9",
    "\u{1F600}",
    "sql = [\"tcp/0\"]\n",
];

fn nearly_good() -> impl Strategy<Value = String> {
    proptest::collection::vec(select(&PIECES[..]), 0..60).prop_map(|pieces| pieces.concat())
}

fn whole_or_cut() -> impl Strategy<Value = Vec<u8>> {
    let good = include_str!("../../../examples/cluster.toml").as_bytes().to_vec();
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (changes, any::<prop::sample::Index>()).prop_map(move |(changes, cut)| {
        let mut bytes = good.clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        bytes
    })
}

fn any_source() -> impl Strategy<Value = Result<Source, Problem>> {
    let bytes = prop_oneof![
        nearly_good().prop_map(String::into_bytes),
        whole_or_cut(),
        any::<String>().prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..200),
    ];
    bytes.prop_map(|bytes| Source::from_bytes("some/file", bytes))
}

fn check_problem(problem: &Problem, text: Option<&str>) {
    let Problem { place, what, help, excerpt } = problem;
    assert!(!what.is_empty() && !help.is_empty());
    if let Some(Excerpt { line, span }) = excerpt {
        assert!(span.start <= span.end && line.get(span.clone()).is_some(), "{line:?} {span:?}");
    }
    if let (Some(text), true) = (text, place.line > 0) {
        let line = text.split('\n').nth(place.line as usize - 1).expect("the line exists");
        assert!(place.column as usize <= line.chars().count() + 1, "{place} is beyond {line:?}");
    }
    let report = problem.to_string();
    assert!(report.starts_with(&format!("error: {place}: ")), "{report}");
    assert!(report.chars().all(|c| c == '\n' || !c.is_control()), "{report:?}");
    let _ = problem.render(true);
}

fn check(problems: &Problems, text: &str) {
    let Problems(problems) = problems;
    assert!(!problems.is_empty());
    problems.iter().for_each(|problem| check_problem(problem, Some(text)));
}

fn check_notes(notes: &[Note], text: &str) {
    for note in notes {
        assert!(note.place.line as usize <= text.split('\n').count());
        assert!(!note.to_string().is_empty());
    }
}

fn check_inventory(inventory: &Inventory, text: &str) {
    let Inventory { cluster: _, nodes, notes } = inventory;
    check_notes(notes, text);
    let mut names: Vec<_> = nodes.iter().map(|node| &node.name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), nodes.len());
    for node in nodes {
        assert!(node.place.line as usize <= text.split('\n').count());
        assert!(node.ports.values().flatten().all(|range| range.first > 0 && range.first <= range.last));
    }
}

proptest! {
    #[test]
    fn no_input_makes_a_reader_panic(source in any_source()) {
        let source = match source {
            Ok(source) => source,
            Err(problem) => {
                check_problem(&problem, None);
                return Ok(());
            }
        };
        let text = &source.text;
        match inventory::parse(std::slice::from_ref(&source), &CATALOGUE) {
            Ok(inventory) => check_inventory(&inventory, text),
            Err(problems) => check(&problems, text),
        }
        match settings::parse(Some(&source), None, &CATALOGUE) {
            Ok(settings) => check_notes(&settings.notes, text),
            Err(problems) => check(&problems, text),
        }
        match local_conf::parse(&source) {
            Ok(conf) => check_notes(&conf.notes, text),
            Err(problems) => check(&problems, text),
        }
        if let Err(problems) = CATALOGUE.with_overrides(std::slice::from_ref(&source)) {
            check(&problems, text);
        }
        let _ = (nodeid::parse(text), window::parse(text), text.parse::<PortRange>());
    }

    #[test]
    fn any_span_can_be_shown(text in any::<String>(), start in 0..400usize, end in 0..400usize) {
        let source = Source::new("some/file", text);
        check_problem(&Problem::at(&source, start..end, "what", "help"), Some(&source.text));
    }
}

#[test]
fn an_excerpt_that_others_built_wrong_is_shown_all_the_same() {
    let source = Source::new("f", "näme = 1");
    let mut problem = Problem::at(&source, 0..1, "what", "help");
    for (start, end) in [(2, 3), (0, 999), (999, 1000), (5, 2)] {
        problem.excerpt = Some(Excerpt { line: "näme = 1".into(), span: start..end });
        assert!(problem.to_string().contains("näme = 1"));
    }
}

#[test]
fn bytes_that_are_no_text_are_reported_at_their_place() {
    let problem = Source::from_bytes("f", b"a = 1\n\xc3\xa9b = \xff\n".to_vec()).unwrap_err();
    assert_eq!(problem.place.to_string(), "f:2:6");
    let problem = Source::from_bytes("f", b"a\xc3".to_vec()).unwrap_err();
    assert_eq!(problem.place.to_string(), "f:1:2");
}

#[test]
fn files_that_cannot_be_read_are_reported_in_the_same_shape() {
    let path = Path::new("cluster.toml");
    let large = Problem::too_large(path, INPUT_BYTES_MAX + 1).to_string();
    assert!(large.starts_with(
        "error: cluster.toml: the file is 67108865 bytes long; at most 67108864 are read\nhelp: "
    ));
    let directory = Problem::is_directory(path).to_string();
    assert!(directory.starts_with("error: cluster.toml: expected a file, found a directory\nhelp: "));
    let unreadable = Problem::cannot_read(path, "Permission denied (os error 13)").to_string();
    assert!(
        unreadable.starts_with(
            "error: cluster.toml: cannot read the file: Permission denied (os error 13)\nhelp: "
        )
    );
}
