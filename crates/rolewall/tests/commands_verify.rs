//! `rolewall verify`: operators' assertions, as files with exit codes.
//! Not here: whether exactly the plan's flows pass (`worlds`), and rulesets that are wrong (crate `policy`).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

/// The files of a host below a directory of its own.
struct World(tempfile::TempDir);

impl World {
    fn of(cluster: &str, settings: &str) -> World {
        let root = tempfile::tempdir().unwrap();
        let etc = root.path().join("etc/rolewall");
        fs::create_dir_all(&etc).unwrap();
        fs::write(etc.join("cluster.toml"), cluster).unwrap();
        fs::write(etc.join("rolewall.toml"), settings).unwrap();
        World(root)
    }

    /// The shipped example.
    fn shipped() -> World {
        let read = |name: &str| fs::read_to_string(Path::new(EXAMPLES).join(name)).unwrap();
        World::of(&read("cluster.toml"), &read("rolewall.toml"))
    }

    fn write(&self, text: &str) -> PathBuf {
        let path = self.0.path().join("assertions.toml");
        fs::write(&path, text).unwrap();
        path
    }

    /// Exit code, standard output, standard error.
    fn verify(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rolewall"));
        let output = command.arg("--root").arg(self.0.path()).arg("verify").args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn assert(&self, text: &str) -> (i32, String, String) {
        let path = self.write(text);
        self.verify(&["--assert", path.to_str().unwrap()])
    }

    /// The names of those that do not hold, each with its fault and node.
    fn broken(&self, text: &str) -> Vec<String> {
        let path = self.write(text);
        let (_, said, _) = self.verify(&["--json", "--assert", path.to_str().unwrap()]);
        let document: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(document["flows_checked_as"], "proof");
        let violations = document["violations"].as_array().unwrap();
        assert_eq!(document["holds"], violations.is_empty());
        let word = |violation: &Value, key: &str| violation[key].as_str().unwrap().to_owned();
        violations.iter().map(|v| format!("{} {}", word(v, "fault"), word(v, "node"))).collect()
    }
}

const CLUSTER: &str = r#"
[cluster]
name = "voice-1"
private = ["10.20.0.0/16", "fd20::/48"]
admin = ["198.51.100.0/28"]
trunks = ["203.0.113.0/24"]
[[node]]
name = "web1"
private = ["10.20.0.11", "fd20::11"]
public = ["192.0.2.11"]
roles = ["web"]
[[node]]
name = "db1"
private = ["10.20.0.21", "10.20.1.21"]
roles = ["sql"]
ports = { sql = ["tcp/3307"] }
[[node]]
name = "db2"
private = ["10.20.0.22", "fd20::22"]
roles = ["sql"]
[[node]]
name = "sip1"
private = ["10.20.0.31", "fd20::31"]
public = ["192.0.2.31"]
roles = ["sip"]
"#;

fn cluster() -> World {
    World::of(
        CLUSTER,
        "[node]\nname = \"web1\"\n[deny]\nnetworks = [\"198.18.0.0/15\"]\n[mode]\nout = \"enforce\"\n",
    )
}

#[test]
fn the_shipped_assertions_hold_in_the_shipped_cluster() {
    let path = Path::new(EXAMPLES).join("assertions.toml");
    let (code, said, beside) = World::shipped().verify(&["--assert", path.to_str().unwrap()]);
    assert_eq!((code, beside.as_str()), (0, ""), "{said}");
    assert!(said.ends_with("holds: 6 assertions of the operator\n"), "{said}");
}

#[test]
fn what_holds_holds() {
    let text = r#"
        [[deny]]
        from = "public"
        to = ["sql", "db1"]
        [[deny]]
        from = "203.0.113.7"
        to = "this"
        ports = ["tcp/22"]
        [[deny]]
        from = "public"
        to = "nodes"
        ports = ["mysql", "tcp/3307", "udp/1-60"]
        [[allow]]
        from = ["web", "sip"]
        to = "sql"
        ports = ["mysql"]
        [[allow]]
        from = "public"
        to = "web"
        ports = ["tcp/443"]
        [[deny]]
        from = "sql"
        to = "trunks"
        ports = ["udp/5060"]
        [[allow]]
        from = "sip"
        to = "trunks"
        ports = ["udp/5060"]
    "#;
    assert_eq!(cluster().broken(text), [""; 0]);
}

#[test]
fn what_does_not_hold_is_shown_by_a_flow() {
    let deny = |from: &str, to: &str, more: &str| format!("[[deny]]\nfrom = {from:?}\nto = {to:?}\n{more}\n");
    let allow = |from: &str, to: &str, more: &str| deny(from, to, more).replace("deny", "allow");
    let port = |port: &str| format!("ports = [{port:?}]");
    let world = cluster();
    for (text, broken) in [
        (deny("web", "sql", &port("mysql")), &["open db1", "open db2"][..]),
        (deny("web", "sql", &port("tcp/3307")), &["open db1"]),
        (deny("public", "nodes", &port("tcp/443")), &["open web1"]),
        (deny("admin", "nodes", &port("ssh")), &["open web1", "open db1", "open db2", "open sip1"]),
        (deny("sql", "public", &port("udp/53")), &["open db1", "open db2"]),
        (deny("10.20.0.31", "db2", ""), &["open db2"]),
        // Not by the public network, and not from its addresses there.
        (deny("web", "db2", "network = \"public\""), &[]),
        (allow("public", "sql", &port("mysql")), &["closed db1", "closed db2"]),
        (allow("sql", "web", &port("tcp/8080")), &["closed web1", "closed db1", "closed db2"]),
        (allow("198.18.0.7", "web", &port("tcp/443")), &["closed web1"]),
    ] {
        assert_eq!(world.broken(&text), broken, "{text}");
    }
    let (code, said, _) = world.assert(&deny("sip", "db1", "name = \"no telephone\""));
    assert_eq!(code, 1);
    for words in [
        "deny \"no telephone\": a denied flow passes\n",
        "at node db1 (/etc/rolewall/cluster.toml:12, ",
        "assertions.toml:1)",
        "witness: in tcp 10.20.0.31:40000 10.20.0.21:3307 --ct new\n",
        "@v-sip4 accept",
    ] {
        assert!(said.contains(words), "{words} is not in:\n{said}");
    }
}

#[test]
fn nodes_of_one_class_are_asked_of_each_other() {
    let more = "[[node]]\nname = \"db3\"\nprivate = [\"10.20.0.23\"]\nroles = [\"sql\"]\n";
    let world = World::of(&format!("{CLUSTER}{more}"), "[node]\nname = \"web1\"\n");
    let text = "[[deny]]\nfrom = \"db2\"\nto = \"sql\"\nports = [\"tcp/3306\"]\n";
    assert_eq!(world.broken(text), ["open db3"], "db2 is no witness against itself");
    assert_eq!(world.broken(&text.replace("db2", "nodes")), ["open db2"]);
    // One alone reaches nobody of its own.
    assert_eq!(world.broken("[[deny]]\nfrom = \"sip1\"\nto = \"sip\"\n"), [""; 0]);
}

#[test]
fn an_assertion_about_nobody_is_said_to_be() {
    let (code, said, _) = cluster().assert("[[deny]]\nfrom = \"public\"\nto = \"jabber\"\n");
    assert_eq!(code, 0);
    assert!(said.ends_with("note: about no flow of this cluster: deny from public to jabber\n"), "{said}");
}

#[test]
fn all_that_is_wrong_with_a_file_is_told_at_its_place() {
    let (code, said, beside) = cluster().assert(
        "[[deny]]\nfrom = \"publik\"\nto = [\"db1\", \"db9\", 7]\nport = [\"tcp/1\"]\n\n\
         [[alow]]\n[[allow]]\nfrom = \"admin\"\nto = \"10.0.0.0/33\"\nports = [\"tcp/0\", \"mysq\", \"3306\"]\n\
         [[deny]]\nfrom = \"public\"\nto = \"trunks\"\nnetwork = \"pubic\"\n[[deny]]\nname = \"x\"\nfrom = []\n",
    );
    assert_eq!((code, said.as_str()), (2, ""));
    for words in [
        "`publik` is no role, node, zone or address",
        "assertions.toml:2:8",
        "did you mean `public`?",
        "`db9` is no role, node, zone or address",
        "expected a list of names and prefixes, each in quotation marks, found a whole number",
        "unknown key `port` in an assertion",
        "did you mean `ports`?",
        "unknown key `alow` in a file of assertions",
        "did you mean `allow`?",
        "an IPv4 prefix cannot be /33",
        "port 0 does not exist",
        "`mysq` is neither a port nor a service",
        "did you mean `mysql`?",
        "write tcp/3306 or udp/3306",
        "flows from public to trunks pass no node of this cluster",
        "expected \"private\" or \"public\", found `pubic`",
        "this assertion has no `to`",
        "an empty list names nobody",
    ] {
        assert!(beside.contains(words), "{words} is not in:\n{beside}");
    }
    let (code, _, beside) = cluster().assert("# nothing\n");
    assert!(code == 2 && beside.contains("the file has no assertion"), "{beside}");
    let (code, _, beside) = cluster().verify(&["--assert", "/no/such/file"]);
    assert!(code == 2 && beside.contains("cannot read the file: No such file or directory"), "{beside}");
}

/// A cell of the matrix: how much passes, and on which ports.
fn cell(document: &Value, source: (&str, &str), service: &str) -> (String, Vec<String>) {
    let place = |list: &str, is: &dyn Fn(&Value) -> bool| {
        document[list].as_array().unwrap().iter().position(is).unwrap()
    };
    let row = place("sources", &|s| s["name"] == source.0 && s["network"] == source.1);
    let column = place("services", &|s| s["service"] == service);
    let cell = &document["cells"][row][column];
    let open = cell["open"].as_array().unwrap().iter().map(|port| port.as_str().unwrap().to_owned());
    (cell["passes"].as_str().unwrap().to_owned(), open.collect())
}

#[test]
fn the_matrix_says_who_reaches_what_by_the_rules_of_all_nodes() {
    let (code, said, _) = cluster().verify(&["--matrix", "json"]);
    assert_eq!(code, 0);
    let document: Value = serde_json::from_str(&said).unwrap();
    for (source, service, passes, open) in [
        (("web", "private"), "mysql", "all", &["tcp/3306-3307"][..]),
        (("public", "public"), "mysql", "none", &[]),
        // Denied networks are among the strangers.
        (("public", "public"), "web", "some", &["tcp/80", "tcp/443"]),
        (("trunks", "public"), "sip", "all", &["tcp/5060", "udp/5060"]),
        (("private", "private"), "ssh", "none", &[]),
        (("admin", "public"), "ssh", "all", &["tcp/22"]),
        (("sip", "private"), "sip", "nobody", &[]),
    ] {
        let open: Vec<String> = open.iter().map(|port| (*port).to_owned()).collect();
        assert_eq!(cell(&document, source, service), (passes.to_owned(), open), "{source:?} {service}");
    }
    assert!(!said.contains("jabber"), "no node has this role");
    let (_, csv, _) = cluster().verify(&["--matrix", "csv"]);
    assert!(csv.contains("\nweb,private,sql,mysql,all,tcp/3306-3307,tcp/3306-3307,\n"), "{csv}");
    let (_, text, _) = cluster().verify(&["--matrix"]);
    assert!(text.lines().any(|line| line.starts_with("sql mysql ")), "{text}");
}

#[test]
fn what_one_node_opens_another_admits() {
    let (code, said, _) = cluster().verify(&["--cluster"]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.ends_with("holds: 4 nodes (4 rulesets), and both ends of each flow between them\n"),
        "{said}"
    );
}

#[test]
fn ends_that_do_not_agree_are_named_with_their_lines() {
    // Its own file says another port than the inventory, which the other nodes go by.
    let world = World::of(CLUSTER, "[node]\nname = \"db2\"\n[mode]\nout = \"enforce\"\n");
    fs::write(world.0.path().join("etc/my.cnf"), "[mysqld]\nport = 3399\nbind-address = *\n").unwrap();
    let (code, said, _) = world.verify(&["--cluster"]);
    assert_eq!(code, 1);
    for words in [
        "db2 does not admit what web1 opens to it: tcp/3306\n",
        "web1 does not open what db2 admits from it: tcp/3399\n",
        "  at node db2 (/etc/rolewall/cluster.toml:7, /etc/rolewall/cluster.toml:17)\n",
        "witness: in tcp 10.20.0.11:40000 10.20.0.22:3306 --ct new\n",
        "witness: out tcp 10.20.0.11:40000 10.20.0.22:3399 --ct new\n",
    ] {
        assert!(said.contains(words), "{words} is not in:\n{said}");
    }
    assert!(!said.contains("db1 does not admit"), "db1 is on the port that the inventory says:\n{said}");
    // A node among the denied networks is shut out by all.
    let world = World::of(CLUSTER, "[node]\nname = \"web1\"\n[deny]\nnetworks = [\"10.20.0.31\"]\n");
    let (_, said, _) = world.verify(&["--cluster"]);
    assert!(said.contains("db1 does not admit what sip1 opens to it: tcp/3307\n"), "{said}");
    assert!(!said.contains("what web1 opens"), "{said}");
}
