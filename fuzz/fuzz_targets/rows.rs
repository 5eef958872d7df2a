//! Nodes as the rows of a database: a line is a row, a tab ends a field, the second file holds the roles. No node
//! shares its name or id with another.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolewall_fuzz::text::{catalogue, parts};
use rolewall_policy::inventory::rows::{NodeRow, RoleRow, Rows, nodes};
use std::collections::BTreeSet;

fn rows(bytes: &[u8]) -> Rows {
    let texts: Vec<_> = parts(bytes).map(String::from_utf8_lossy).collect();
    let lines = |at: usize| texts.get(at).map_or("", |text| text).lines().map(|line| line.split('\t'));
    let mut rows =
        Rows { nodes_from: "node".to_owned(), roles_from: "node_role".to_owned(), ..Rows::default() };
    rows.nodes.extend(lines(0).map(|mut line| {
        let mut field = || line.next().unwrap_or_default().to_owned();
        NodeRow { id: field(), name: field(), private: field(), public: field() }
    }));
    rows.roles.extend(lines(1).map(|mut line| {
        let mut field = || line.next().unwrap_or_default().to_owned();
        RoleRow { id: field(), role: field() }
    }));
    rows
}

fuzz_target!(|bytes: &[u8]| {
    let rows = rows(bytes);
    let read = nodes(&rows, catalogue());
    match &read {
        Ok(nodes) => {
            let (mut names, mut ids) = (BTreeSet::new(), BTreeSet::new());
            assert!(!nodes.is_empty());
            assert!(nodes.iter().all(|node| names.insert(&node.name) && ids.insert(&node.id)));
        }
        Err(problems) => {
            assert!(!problems.0.is_empty());
            assert!(problems.to_string().chars().all(|c| c == '\n' || !c.is_control()));
        }
    }
    assert_eq!(read, nodes(&rows, catalogue()));
});
