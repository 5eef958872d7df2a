//! Rows of a database: the same nodes as `[[node]]` tables give, and the same words for what is wrong with them.
//! Not here: asking a database.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use rolewall_policy::inventory::rows::{self, NodeRow, RoleRow};
use rolewall_policy::inventory::{self, Rows};
use rolewall_policy::{Catalogue, Node, Problems, Source};

fn rows(nodes: &[(&str, &str, &str, &str)], roles: &[(&str, &str)]) -> Rows {
    let node = |&(id, name, private, public): &(&str, &str, &str, &str)| NodeRow {
        id: id.into(),
        name: name.into(),
        private: private.into(),
        public: public.into(),
    };
    Rows {
        nodes_from: "node".into(),
        roles_from: "node_role".into(),
        nodes: nodes.iter().map(node).collect(),
        roles: roles.iter().map(|(id, role)| RoleRow { id: (*id).into(), role: (*role).into() }).collect(),
    }
}

fn read(nodes: &[(&str, &str, &str, &str)], roles: &[(&str, &str)]) -> Result<Vec<Node>, Problems> {
    rows::nodes(&rows(nodes, roles), &Catalogue::built_in())
}

#[track_caller]
fn wrong(nodes: &[(&str, &str, &str, &str)], roles: &[(&str, &str)], words: &[&str]) {
    let said: Vec<String> =
        read(nodes, roles).unwrap_err().0.iter().map(|p| format!("{}: {}", p.place, p.what)).collect();
    assert_eq!(said, words);
}

const SIP: (&str, &str, &str, &str) = ("7", "sip1", "10.20.0.11", "192.0.2.11");

#[test]
fn rows_give_the_nodes_that_tables_give() {
    let from_rows = read(
        &[
            ("7", "SIP1", "10.20.0.11, fd20::11", "192.0.2.11 2001:db8::11"),
            ("21", "db1", "10.20.0.21", ""),
            ("21", "db1", "10.20.0.21", ""),
            ("21", "db1", "fd20::21", ""),
        ],
        &[("7", "sip"), ("21", "sql"), ("21", "dd"), ("7", "http"), ("7", "wk"), ("7", "que"), ("7", "sip")],
    )
    .unwrap();
    let text = "[cluster]\nname = \"c\"\n\
        [[node]]\nname = \"sip1\"\nid = \"7\"\nprivate = [\"10.20.0.11\", \"fd20::11\"]\n\
        public = [\"192.0.2.11\", \"2001:db8::11\"]\nroles = [\"sip\", \"web\", \"worker\", \"queue\"]\n\
        [[node]]\nname = \"db1\"\nid = \"21\"\nprivate = [\"10.20.0.21\", \"fd20::21\"]\nroles = [\"sql\", \"dd\"]\n";
    let mut from_tables =
        inventory::parse(&[Source::new("cluster.toml", text)], &Catalogue::built_in()).unwrap().nodes;
    for (table, row) in from_tables.iter_mut().zip(&from_rows) {
        table.place = row.place.clone();
    }
    assert_eq!(from_rows, from_tables);
    assert_eq!(from_rows[0].place.to_string(), "sql node nodeid=7");
}

#[test]
fn every_code_of_the_vendor_is_a_role() {
    let codes = ["sip", "pbx", "http", "jabber", "ic", "que", "wk", "sql", "dd", "es"];
    let roles: Vec<(&str, &str)> = codes.iter().map(|code| ("7", *code)).collect();
    assert_eq!(read(&[SIP], &roles).unwrap()[0].roles.len(), codes.len());
    assert_eq!(read(&[SIP], &[("7", "web")]), read(&[SIP], &[("7", "http")]));
}

#[test]
fn what_is_wrong_with_roles_is_told_at_their_rows() {
    wrong(&[SIP], &[("7", "spi")], &["sql node_role nodeid=7: unknown role `spi`"]);
    wrong(&[SIP], &[("7", "")], &["sql node_role nodeid=7: unknown role an empty string"]);
    wrong(&[SIP], &[("7", "node")], &["sql node_role nodeid=7: every node has the role `node` by itself"]);
    wrong(
        &[SIP],
        &[("7", "http"), ("7", "web")],
        &["sql node_role nodeid=7: role `web` is given to this node twice"],
    );
    wrong(
        &[SIP],
        &[("8", "sip")],
        &["sql node_role nodeid=8: a role is given to node id `8`, which is no node's"],
    );
    wrong(
        &[("7", "db1", "", "192.0.2.11")],
        &[("7", "sql")],
        &["sql node nodeid=7: role `sql` needs the private network, and node `db1` has no private address"],
    );
}

#[test]
fn what_is_wrong_with_nodes_is_told_at_their_rows_all_at_once() {
    wrong(&[], &[], &["sql node: the database has no nodes"]);
    wrong(
        &[
            ("7", "sip1", "10.20.0.11", ""),
            ("8", "sip 2", "10.20.0.12/32", ""),
            ("9", "sip1", "10.20.0.11", "127.0.0.1"),
            ("", "x", "", ""),
            ("10", "web1", "", ""),
            ("7", "other", "10.20.0.99", ""),
            ("11", "both", "10.20.0.15", "10.20.0.15"),
        ],
        &[],
        &[
            "sql node nodeid=8: `sip 2` is no name for a node",
            "sql node nodeid=8: expected an address, found the prefix 10.20.0.12/32",
            "sql node nodeid=9: node `sip1` is in the inventory twice, first at sql node nodeid=7",
            "sql node nodeid=9: address 10.20.0.11 is already node `sip1`'s, at sql node nodeid=7",
            "sql node nodeid=9: 127.0.0.1 is a loopback address: no node has it",
            "sql node nodeid=: the node id is empty",
            "sql node nodeid=7: node id `7` is already node `sip1`'s, and here `other`'s",
            "sql node nodeid=11: address 10.20.0.15 is given to this node twice",
            "sql node nodeid=10: node `web1` has no address",
        ],
    );
}

fn beside(text: &str) -> Result<inventory::Inventory, Problems> {
    let catalogue = Catalogue::built_in();
    let nodes = read(&[SIP, ("21", "db1", "10.20.0.21", "")], &[("21", "sql"), ("7", "ic")]).unwrap();
    let text = format!("[cluster]\nname = \"c\"\nadmin = [\"198.51.100.0/28\"]\n{text}");
    inventory::parse_beside(&[Source::new("cluster.toml", text)], Some(nodes), &catalogue)
}

#[test]
fn a_table_beside_the_database_adds_ports_and_the_public_interface_by_name() {
    let read = beside(
        "[[node]]\nname = \"db1\"\nports = { sql = [\"tcp/3307\"] }\n[[node]]\nname = \"sip1\"\nadmin_public = [\"ic\"]\n",
    )
    .unwrap();
    assert_eq!(read.cluster.admin.len(), 1);
    assert_eq!(read.nodes[1].ports.len(), 1);
    assert!(read.nodes[0].admin_public.contains("ic"));
    assert_eq!(beside("").unwrap().nodes.len(), 2);
}

#[test]
fn a_table_that_contradicts_the_database_is_refused_at_its_line() {
    for (table, place, what) in [
        (
            "name = \"db1\"\nroles = [\"sql\"]",
            "cluster.toml:6:1",
            "`roles` of a node comes from the database",
        ),
        ("name = \"db1\"\nid = \"21\"", "cluster.toml:6:1", "`id` of a node comes from the database"),
        ("name = \"db2\"", "cluster.toml:5:8", "the database has no node `db2`"),
        ("ports = {}", "cluster.toml:4:1", "[[node]] has no `name`"),
        ("name = \"db1\"\nport = 1", "cluster.toml:6:1", "unknown key `port` in [[node]]"),
        (
            "name = \"db1\"\nports = { web = [\"tcp/1\"] }",
            "cluster.toml:6:11",
            "this node does not have the role `web`",
        ),
        ("name = \"db1\"\n[[node]]\nname = \"db1\"", "cluster.toml:7:8", "node `db1` is added to twice"),
    ] {
        let problems = beside(&format!("[[node]]\n{table}\n")).unwrap_err();
        let said = &problems.0[0];
        assert_eq!(said.place.to_string(), place, "{problems}");
        assert!(said.what.starts_with(what), "{problems}");
    }
}

#[test]
fn without_an_answer_only_the_files_own_mistakes_are_told() {
    let catalogue = Catalogue::built_in();
    let text =
        "[cluster]\nname = \"c\"\nprivat = []\n[[node]]\nname = \"db1\"\nports = { web = [\"tcp/1\"] }\n";
    let problems =
        inventory::parse_beside(&[Source::new("cluster.toml", text)], None, &catalogue).unwrap_err();
    assert_eq!(problems.0.len(), 1, "{problems}");
    assert!(inventory::parse_beside(&[], None, &catalogue).is_err());
}
