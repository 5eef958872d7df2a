//! Tests: the quick pass reads what the careful pass reads, or leaves it to that.
//! Not here: what either reads (golden inputs).

use super::nodes::{NODE_HEADER, Nodes, Pass};
use super::parse::{parse, read};
use crate::problem::Text;
use crate::read::Pieces;
use crate::{Catalogue, Source};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::sync::LazyLock;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::built_in);

const CLUSTER: &str = "[cluster]\nname = \"c\"\n\n";

/// Lines that a node may have, well and badly written; `@` stands for its number.
const LINES: [&str; 40] = [
    "name = \"n@\"",
    "name = \"n@\"",
    "name\t=  'n@'  # its name",
    "\"name\" = \"n@\"",
    "name = \"n\\u0031@\"",
    "name = \"\"\"n@\"\"\"",
    "name = \"N@\"",
    "name = \"n1\"",
    "node.name = \"n@\"",
    "name = 1",
    "id = \"@\"",
    "id = '@'",
    "id = \"é@\"",
    "id = \"a b\"",
    "id = \"1\"",
    "private = [\"10.0.0.@\", \"fd00::@\"]",
    "private = [\"10.0.0.@\", \"fd00::@\"]",
    "private=['10.0.0.@',]",
    "private = [\n  \"10.0.0.@\", # first\n\n  # second\n  \"fd00::@\",\n]",
    "private = [ ]",
    "private = \"10.0.0.@\"",
    "private = [\"10.0.0.@\" \"fd00::@\"]",
    "private = [\"10.0.0.@\",, \"fd00::@\"]",
    "private = [[\"10.0.0.@\"]]",
    "private = [\"10.0.0.1\"]",
    "private = [\"::ffff:10.0.0.@\"]",
    "public = [\"192.0.2.@\"]",
    "public = [\"127.0.0.1\"]",
    "public = []",
    "roles = [\"web\"]",
    "roles = [\"xmpp\", \"sql\", \"dd\"]",
    "roles = [\"web\", \"http\"]",
    "roles = [\"node\"]",
    "roles = [\"wbe\"]",
    "ports = { web = [\"tcp/8443\"] }",
    "admin_public = [\"ic\"]",
    "[node.ports]\nsql = [\"tcp/3307\"]",
    "# a comment with [[node]] and \"quotes\" and é",
    "   ",
    "unknown = true",
];

/// A node that most likely is well written: the first line of its name and address, and some others.
fn node() -> impl Strategy<Value = Vec<&'static str>> {
    let usual = (select(&LINES[..3]), select(&LINES[15..19]));
    (usual, proptest::collection::vec(select(&LINES[..]), 0..3), any::<bool>()).prop_map(
        |((name, private), others, is_usual)| {
            let usual = if is_usual { vec![name, private] } else { vec![] };
            [usual, others].concat()
        },
    )
}

fn text() -> impl Strategy<Value = String> {
    let nodes = proptest::collection::vec(node(), 0..4);
    let headers = select(&["[[node]]", "[[node]]", "\t[[node]] # next", "[[ node ]]", "[node]"][..]);
    (nodes, headers, select(&["\n", "\n", "\r\n"][..])).prop_map(|(nodes, header, end)| {
        let mut text = CLUSTER.to_owned();
        for (number, lines) in nodes.iter().enumerate() {
            let lines = lines.join("\n").replace('@', &(number + 1).to_string());
            text += &format!("{header}\n{lines}\n\n");
        }
        text.replace('\n', end)
    })
}

/// A few characters of it replaced, left out or put in.
fn changed() -> impl Strategy<Value = String> {
    let characters = "\"'#=[],.{}\\\n\r\t \u{0}\u{1}\u{7f}\u{feff}é1aZ".chars().collect::<Vec<_>>();
    let change = (any::<Index>(), 0..2usize, proptest::option::of(select(characters)));
    (text(), proptest::collection::vec(change, 0..3)).prop_map(|(text, changes)| {
        let mut characters: Vec<char> = text.chars().collect();
        for (at, left_out, put_in) in changes {
            let at = at.index(characters.len());
            characters.splice(at..at + left_out, put_in);
        }
        characters.into_iter().collect()
    })
}

fn check(text: String) -> Result<(), TestCaseError> {
    let source = Source::new("cluster.toml", text);
    let careful = read(&[Text::new(&source)], &CATALOGUE, Pass::Careful);
    prop_assert_eq!(parse(std::slice::from_ref(&source), &CATALOGUE), careful, "{}", source.text);
    Ok(())
}

proptest! {
    #[test]
    fn both_passes_read_alike(text in text()) {
        check(text)?;
    }

    #[test]
    fn both_passes_read_alike_what_is_nearly_good(text in changed()) {
        check(text)?;
    }
}

/// How many pieces of a text need a tree.
fn pieces_with_a_tree(text: &str) -> usize {
    let source = Source::new("cluster.toml", text);
    let text = Text::new(&source);
    let mut nodes = Nodes::new(&[], &CATALOGUE, Pass::Quick);
    Pieces::of(&text, Some(NODE_HEADER)).filter(|piece| !nodes.take_plain(piece)).count()
}

#[test]
fn nodes_as_people_write_them_need_no_tree() {
    // Its head, `admin_public`, and `ports`.
    assert_eq!(pieces_with_a_tree(include_str!("../../../../examples/cluster.toml")), 3);
    let written = [
        "[[node]]\nname=\"a\"\nprivate=[\"10.0.0.1\"]",
        "  [[node]]\t# one\r\nname = 'a'\r\nprivate = [\r\n'10.0.0.1', # é\r\n]\r\nroles = []\r\n",
    ];
    assert!(written.iter().all(|text| pieces_with_a_tree(text) == 0));
}

#[test]
fn what_is_not_plain_is_left_to_the_tree() {
    let rest = "private = [\"10.0.0.1\"]\n";
    for line in LINES.iter().filter(|line| line.starts_with("name") || line.starts_with('"')).skip(3) {
        let is_plain = matches!(*line, "name = \"n1\"");
        let text = format!("[[node]]\n{}\n{rest}", line.replace('@', "1"));
        assert_eq!(pieces_with_a_tree(&text), usize::from(!is_plain), "{text}");
    }
    let long = format!("[[node]]\nname = \"a\"\n{rest}#{}\n", "#".repeat(1 << 16));
    assert_eq!(pieces_with_a_tree(&long), 1);
}
