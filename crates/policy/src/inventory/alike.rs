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

/// Lines of one key, well written and otherwise; `@` stands for the node's number.
type Lines = (&'static [&'static str], &'static [&'static str]);

const HEADERS: Lines = (
    &["[[node]]", "\t[[node]] # [[node]]"],
    &["[[ node ]]", "[node]", "[[node]] id = \"7@\"", "[[node]]roles = []", "[[node]]x", "[[node.x]]"],
);
const NAMES: Lines = (
    &["name = \"n@\"", "name\t=  'n@'  # its name"],
    &[
        "\"name\" = \"n@\"",
        "name = \"n\\u0031@\"",
        "name = \"\"\"n@\"\"\"",
        "name = \"N@\"",
        "name = \"n1\"",
        "node.name = \"n@\"",
        "name = n@",
        "name = 1",
        "name = \"n@\" id = \"7@\"",
        "name \"n@\"",
        "",
    ],
);
const IDS: Lines = (
    &["id = \"@\"", "id = 'é@'", ""],
    &["id = \"a b\"", "id = \"1\"", "id = \"\\u00e9@\"", "id = '\\u00e9@'", "id = \"\"", "id = [\"@\"]"],
);
const PRIVATE: Lines = (
    &[
        "private = [\"10.0.0.@\", \"fd00::@\"]",
        "private=['10.0.0.@',]",
        "private = [\n  \"10.0.0.@\", # first\n\n  # second\n  \"fd00::@\",\n]",
    ],
    &[
        "private = [ ]",
        "private = \"10.0.0.@\"",
        "private = [\"10.0.0.@\" \"fd00::@\"]",
        "private = [\"10.0.0.@\",, \"fd00::@\"]",
        "private = [[\"10.0.0.@\"]]",
        "private = [\"10.0.0.@\", 1]",
        "private = [\"10.0.0.1\"]",
        "private = [\"fd00::1\"]",
        "private = [\"::ffff:10.0.0.@\"]",
        "private = [\"10.0.0.@/24\"]",
        "",
    ],
);
const PUBLIC: Lines = (
    &["public = [\"192.0.2.@\"]", "public = []", "", ""],
    &["public = [\"127.0.0.1\"]", "public = [\"10.0.0.@\"]", "public = [\"192.0.2.1\", \"192.0.2.1\"]"],
);
const ROLES: Lines = (
    &["roles = [\"web\"]", "roles = [\"xmpp\", \"sql\", \"dd\"]", "roles = [\"ic\", 'queue']", ""],
    &["roles = [\"web\", \"http\"]", "roles = [\"node\"]", "roles = [\"wbe\"]", "roles = [web]"],
);
const OTHERS: Lines = (
    &["", "   ", "# a comment with [[node]] and \"quotes\" and é"],
    &[
        "ports = { web = [\"tcp/8443\"] }",
        "admin_public = [\"ic\"]",
        "[node.ports]\nsql = [\"tcp/3307\"]",
        "unknown = true",
        "roles = [\"es\"]",
        "public = [\"192.0.2.9@\"]",
        "private = [\"10.9.9.@\"]",
        "id = \"9@\"",
    ],
);

/// Most are well written: one that is not decides about the whole text.
fn one_of((good, bad): Lines) -> impl Strategy<Value = &'static str> {
    prop_oneof![16 => select(good), 1 => select(bad)]
}

fn node() -> impl Strategy<Value = String> {
    let lines = [NAMES, IDS, PRIVATE, PUBLIC, ROLES, OTHERS].map(|lines| one_of(lines).boxed()).to_vec();
    (one_of(HEADERS), lines.prop_shuffle())
        .prop_map(|(header, lines)| format!("{header}\n{}\n\n", lines.join("\n")))
}

fn text() -> impl Strategy<Value = String> {
    let nodes = proptest::collection::vec(node(), 0..4);
    (nodes, select(&["\n", "\n", "\r\n"][..])).prop_map(|(nodes, end)| {
        let numbered = nodes.iter().zip(1..).map(|(node, number)| node.replace('@', &number.to_string()));
        (CLUSTER.to_owned() + &numbered.collect::<String>()).replace('\n', end)
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
    let text = [Text::new(&source)];
    let (quick, careful) = (read(&text, &CATALOGUE, Pass::Quick), read(&text, &CATALOGUE, Pass::Careful));
    if careful.is_ok() {
        prop_assert_eq!(&quick, &careful, "{}", source.text);
    }
    prop_assert_eq!(parse(std::slice::from_ref(&source), &CATALOGUE), careful, "{}", source.text);
    Ok(())
}

proptest! {
    // Few nodes are nearly another's, and few texts have one fault alone.
    #![proptest_config(ProptestConfig::with_cases(2000))]

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
    let with = |line: &str| format!("[[node]]\nname = \"a\"\nprivate = [\"10.0.0.1\"]\n{line}\n");
    for line in OTHERS.1.iter().filter(|line| !line.contains('@')) {
        let is_plain = line.starts_with("roles");
        assert_eq!(pieces_with_a_tree(&with(line)), usize::from(!is_plain), "{line}");
    }
    assert_eq!(pieces_with_a_tree(&with(&"#".repeat(1 << 16))), 1);
}
