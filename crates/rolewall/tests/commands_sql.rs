//! The inventory from a real MariaDB: read, refused, kept and missed; and no password anywhere.
//! Not here: what rows mean (crate `policy` has cases for those).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Host, HostSpec, Lab};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use support::database::{Database, PASSWORD, SOCKET, USER, is_installed};
use support::program::{Program, ROLEWALL, Said, said};
use support::{can_run, generation, nft, ruleset};

const SETTINGS: &str = "/etc/rolewall/rolewall.toml";
const CLUSTER: &str =
    "[cluster]\nname = \"voice\"\nprivate = [\"10.20.0.0/16\"]\nadmin = [\"198.51.100.0/28\"]\n";
const PASSWORD_FILE: &str = "/etc/rolewall/sql.password";
const CACHE: &str = "/var/lib/rolewall/inventory.sql";

/// The vendor's roles, and the table of nodes that is asked by default.
const VENDOR: &str = "USE voipnow;
    CREATE TABLE node (nodeid INT PRIMARY KEY, hostname VARCHAR(64), private_ip VARCHAR(64), public_ip VARCHAR(255));
    CREATE TABLE node_role (nodeid INT, role VARCHAR(16));
    INSERT INTO node VALUES (7, 'SIP1', '10.20.0.1', '192.0.2.1'), (8, 'web1', '10.20.0.2', NULL),
        (9, 'pbx1', '10.20.0.3', ''), (21, 'db1', '10.20.0.21', NULL), (22, 'db2', '10.20.0.22', NULL);
    INSERT INTO node_role VALUES (7, 'sip'), (8, 'http'), (9, 'pbx'), (21, 'sql'), (21, 'que'), (22, 'wk');";

fn lab() -> Lab {
    let plugged =
        |name: &str, address: &str| HostSpec::new(name).plug("private", "eth0", &[address]).unwrap();
    let node = plugged("node", "10.20.0.1/16");
    Lab::builder().network("private").host(node).host(plugged("db", "10.20.0.21/16")).up().unwrap()
}

fn both(lab: &Lab) -> (&Host, &Host) {
    (lab.host("node").unwrap(), lab.host("db").unwrap())
}

/// Where a file of the node is from here.
fn outside(node: &Host, path: &str) -> PathBuf {
    node.files_outside().unwrap().join(path.trim_start_matches('/'))
}

/// The password in its file, as it must be.
fn password(node: &Host, text: &str) {
    node.write(PASSWORD_FILE, format!("{text}\n")).unwrap();
    fs::set_permissions(outside(node, PASSWORD_FILE), fs::Permissions::from_mode(0o600)).unwrap();
}

/// Settings with our user at the database's address, and these keys besides.
fn settings(more: &str) -> String {
    format!(
        "[node]\nname = \"sip1\"\n[inventory]\nsource = \"sql\"\n[inventory.sql]\nhost = \"10.20.0.21\"\n\
         user = \"{USER}\"\npassword_file = \"{PASSWORD_FILE}\"\n{more}\n"
    )
}

/// A node that reads the vendor's schema as our user.
fn configured(node: &Host, more: &str) {
    node.configure(CLUSTER, &settings(more));
    password(node, PASSWORD);
}

/// Runs it, expects this exit code and words, and no password in any output or file of the state.
#[track_caller]
fn expect(node: &Host, code: i32, arguments: &[&str], words: &[&str]) -> Said {
    let said = node.expect(code, arguments);
    said.mentions(words);
    let shown = format!("{}{}", said.stdout, said.stderr);
    assert!(!shown.contains(PASSWORD) && !shown.contains("panicked"), "{shown}");
    for (path, bytes) in node.state() {
        assert!(!bytes.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes()), "{}", path.display());
    }
    said
}

/// The same for a refusal that must change nothing.
#[track_caller]
fn refused(node: &Host, code: i32, words: &[&str]) {
    let before = (generation(node), ruleset(node), node.state());
    for command in [&["apply", "--final"][..], &["plan"]] {
        expect(node, code, command, words);
    }
    assert_eq!((generation(node), ruleset(node), node.state()), before);
}

fn ready() -> bool {
    can_run() && is_installed()
}

#[test]
fn the_vendor_s_files_and_tables_give_the_inventory_and_its_last_answer_stands_in_when_the_database_is_away()
{
    if !ready() {
        return;
    }
    let lab = lab();
    let (node, db) = both(&lab);
    let database = Database::new(db);
    database.sql(VENDOR);
    node.configure(CLUSTER, "inventory.source = \"sql\"\n");
    node.write("/etc/voipnownode/nodeid", "7\n").unwrap();
    node.write(
        "/etc/voipnow/sqldbase.conf",
        "# DB_MASTER mysql:192.0.2.9:1\nDB_MASTER mysql:db.voice:3306\n",
    )
    .unwrap();
    node.write("/etc/voipnow/main.conf", format!("DB_CREDENTIALS x:{USER}:{PASSWORD}:voipnow\n")).unwrap();
    expect(node, 2, &["plan"], &["db.voice", "/etc/hosts", "inventory.sql.host"]);
    node.write("/etc/hosts", "10.20.0.21 db.voice\n").unwrap();

    let fresh = expect(node, 0, &["plan"], &["sip1: sip", "sql node nodeid=7", "tcp/5061"]);
    assert!(!fresh.stderr.contains("warning: the inventory"), "{}", fresh.stderr);
    let applied = expect(node, 0, &["apply", "--final"], &["confirmed"]);
    assert!(!applied.stderr.contains("is away"), "{}", applied.stderr);
    let mode = fs::metadata(outside(node, CACHE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    database.stop();
    let words =
        ["warning: the inventory's database at db.voice:3306/voipnow is away", "5 rows of nodes", " old"];
    let stale = expect(node, 0, &["plan"], &words);
    assert_eq!(stale.stdout, fresh.stdout);
    let document = node.json(&["plan"]);
    assert!(document["warnings"][0].as_str().unwrap().contains("is away"), "{document}");
    expect(node, 0, &["apply", "--final"], &words);
    expect(node, 0, &["status"], &["when it was last applied", "db.voice:3306/voipnow is away"]);
    expect(node, 0, &["apply", "--rebuild", "--window", "60s"], &words);
    expect(node, 0, &["confirm"], &[]);

    boots_without_the_database(node);
    a_cache_that_is_no_good_is_not_used(node);
    let database = Database::start(db, &[]);
    expect(node, 0, &["apply", "--final"], &[]);
    let status = expect(node, 0, &["status"], &[]);
    assert!(!status.stdout.contains("is away"), "{}", status.stdout);
    drop(database);
}

/// Only the confirmed artefact is loaded, and nothing is waited for.
#[track_caller]
fn boots_without_the_database(node: &Host) {
    let confirmed = ruleset(node);
    nft(node, &["flush", "ruleset"]);
    let started = Instant::now();
    let said = expect(node, 0, &["boot"], &["is in force"]);
    assert!(!said.stderr.contains("database"), "{}", said.stderr);
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert_eq!(support::sorted(&ruleset(node)), support::sorted(&confirmed));
}

/// Damaged, of another database, or not there: said, and nothing is changed.
#[track_caller]
fn a_cache_that_is_no_good_is_not_used(node: &Host) {
    let path = outside(node, CACHE);
    let good = fs::read(&path).unwrap();
    let mut damaged = good.clone();
    let at = damaged.len() / 2;
    damaged[at] ^= 1;
    fs::write(&path, damaged).unwrap();
    refused(node, 5, &["is away", "cannot connect", "inventory.sql", "damaged", "nothing was changed"]);
    fs::write(&path, &good[..good.len() / 2]).unwrap();
    refused(node, 5, &["is away", "damaged"]);
    fs::write(&path, &good).unwrap();
    node.write("/etc/voipnow/sqldbase.conf", "DB_MASTER mysql:10.20.0.22:3306\n").unwrap();
    node.write(SETTINGS, "inventory.source = \"sql\"\ninventory.sql.timeout_s = 1\n").unwrap();
    refused(node, 5, &["10.20.0.22:3306/voipnow", "is away", "another database, db.voice:3306/voipnow"]);
    node.write("/etc/voipnow/sqldbase.conf", "DB_MASTER mysql:db.voice:3306\n").unwrap();
    fs::remove_file(&path).unwrap();
    refused(node, 5, &["is away", "no earlier answer of it is kept", "nothing was changed"]);
}

#[test]
fn any_schema_is_read_through_configured_queries_and_another_one_says_what_to_configure() {
    if !ready() {
        return;
    }
    let lab = lab();
    let (node, db) = both(&lab);
    let database = Database::new(db);
    database.sql(
        "USE voipnow; CREATE TABLE machines (id INT, label VARCHAR(64), ip VARBINARY(16), kind INT, secret VARCHAR(9));
         CREATE TABLE duties (machine INT, duty VARCHAR(16));
         INSERT INTO machines VALUES (7, 'sip1', INET6_ATON('10.20.0.1'), 1, 'x'),
            (7, 'sip1', INET6_ATON('fd20::1'), 1, 'x'), (7, 'sip1', INET6_ATON('192.0.2.1'), 2, 'x'),
            (21, 'db1', INET6_ATON('10.20.0.21'), 1, 'x');
         INSERT INTO duties VALUES (7, 'sip'), (21, 'sql');",
    );
    configured(node, "");
    refused(node, 5, &["inventory.sql.nodes", "1146", "node_role", "nothing was changed"]);
    let roles = "roles = \"SELECT machine AS nodeid, duty AS role FROM duties\"";
    let nodes = |columns: &str| {
        format!("nodes = \"\"\"SELECT id AS nodeid, label AS name, {columns} FROM machines\"\"\"\n{roles}")
    };
    configured(node, &nodes("ip AS private, '' AS public"));
    refused(node, 5, &["column \"private\"", "inventory.sql.nodes", "INET6_NTOA"]);
    configured(node, &nodes("INET6_NTOA(ip) AS private"));
    refused(node, 5, &["no column \"public\"", "nodeid, name, private", "SELECT ... AS name"]);
    configured(node, &nodes("no_such_column AS private"));
    refused(node, 5, &["1054", "no_such_column"]);
    configured(
        node,
        &nodes("IF(kind = 1, INET6_NTOA(ip), NULL) AS private, IF(kind = 2, INET6_NTOA(ip), NULL) AS public"),
    );
    expect(node, 0, &["plan"], &["sql inventory.sql.nodes nodeid=7"]);
    let zones = node.json(&["plan", "--node", "db1"])["zones"].to_string();
    assert!(zones.contains("fd20::1") && zones.contains("10.20.0.1"), "{zones}");
    // Whatever the user may do: nothing is written.
    database.sql(&format!(
        "GRANT ALL ON *.* TO {USER}@'%';
         DELIMITER //
         CREATE FUNCTION voipnow.writes() RETURNS INT MODIFIES SQL DATA
         BEGIN INSERT INTO voipnow.duties VALUES (21, 'dd'); RETURN 7; END//"
    ));
    let writing = "nodes = \"SELECT writes() AS nodeid, 'a' AS name, '' AS private, '' AS public\"";
    configured(node, writing);
    refused(node, 5, &["1792", "READ ONLY"]);
}

#[test]
fn a_password_that_is_wrong_or_in_a_file_that_others_read_is_refused_and_never_shown() {
    if !ready() {
        return;
    }
    let lab = lab();
    let (node, db) = both(&lab);
    let database = Database::new(db);
    database.sql(VENDOR);
    configured(node, "");
    expect(node, 0, &["apply", "--final"], &["confirmed"]);
    password(node, &format!("{PASSWORD}-not"));
    // Not away: the last good answer would hide the mistake.
    refused(node, 5, &["the login", "1045", PASSWORD_FILE, "nothing was changed"]);
    password(node, PASSWORD);
    let file = outside(node, PASSWORD_FILE);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    refused(node, 2, &[PASSWORD_FILE, "0640", "expected 0600"]);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    chown(&file, Some(1000), None).unwrap();
    refused(node, 2, &[PASSWORD_FILE, "user 1000", "expected root"]);
    chown(&file, Some(0), None).unwrap();
    password(node, &format!("{PASSWORD}\nmore"));
    refused(node, 2, &[PASSWORD_FILE, "expected one line"]);
    fs::remove_file(&file).unwrap();
    refused(node, 2, &[PASSWORD_FILE, "No such file"]);
    std::os::unix::fs::symlink("/etc/shadow", &file).unwrap();
    refused(node, 2, &[PASSWORD_FILE]);
    fs::remove_file(&file).unwrap();
    node.write(SETTINGS, settings(&format!("password = \"{PASSWORD}\""))).unwrap();
    refused(node, 2, &["rolewall.toml:9:1", "takes no password"]);
    node.write(SETTINGS, "[inventory]\nsource = \"sql\"\n[inventory.sql]\nhost = \"10.20.0.21\"\n").unwrap();
    for text in [&b"DB_CREDENTIALS x:"[..], b"DB_CREDENTIALS x:\xff:", b"DB_CREDENTIALS "] {
        node.write("/etc/voipnow/main.conf", [text, PASSWORD.as_bytes(), b"\n"].concat()).unwrap();
        refused(node, 2, &["/etc/voipnow/main.conf"]);
    }
    // By the socket of this host, without one.
    db.configure(CLUSTER, &format!("node.name = \"db1\"\n[inventory]\nsource = \"sql\"\n[inventory.sql]\nsocket = \"{SOCKET}\"\nuser = \"root\"\n"));
    expect(db, 0, &["plan"], &["db1: queue, sql"]);
}

/// A certificate authority and a certificate of the database's for this name.
fn certificates(db: &Host, node: &Host, name: &str) {
    let script = format!(
        "set -e; cd /run/database
         openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem
         openssl req -newkey rsa:2048 -nodes -subj /CN=database -keyout server.key -out server.csr
         printf 'subjectAltName={name}\\nbasicConstraints=CA:FALSE\\n' > server.ext
         openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext -out server.pem
         chown mysql server.key server.pem; cat ca.pem"
    );
    let output =
        db.command("sh").args(["-c", &script]).timeout(Duration::from_secs(120)).run().unwrap().ok().unwrap();
    node.write("/etc/rolewall/ca.pem", output).unwrap();
}

#[test]
fn tls_is_checked_where_it_is_required_and_refused_where_it_cannot_be() {
    if !ready() {
        return;
    }
    let lab = lab();
    let (node, db) = both(&lab);
    let database = Database::new(db);
    database.sql(VENDOR);
    let required = "tls = \"required\"\nca = \"/etc/rolewall/ca.pem\"";
    certificates(db, node, "IP:10.20.0.21");
    configured(node, required);
    refused(node, 5, &["tls = \"required\"", "offers no TLS", "nothing was changed"]);
    configured(node, "tls = \"preferred\"");
    expect(node, 0, &["plan"], &[]);
    database.sql(&format!("ALTER USER {USER}@'%' REQUIRE SSL"));
    database.stop();

    let tls = ["--ssl-cert=/run/database/server.pem", "--ssl-key=/run/database/server.key"];
    let database = Database::start(db, &tls);
    configured(node, required);
    expect(node, 0, &["apply", "--final"], &["confirmed"]);
    configured(node, "tls = \"preferred\"");
    expect(node, 0, &["plan"], &[]);
    configured(node, "tls = \"off\"");
    refused(node, 5, &["1045"]);
    configured(node, "tls = \"required\"\nca = \"/etc/rolewall/none.pem\"");
    refused(node, 5, &["cannot read certificates from /etc/rolewall/none.pem"]);
    // Signed by somebody else: what the system trusts does not count where a ca is given, nor the reverse.
    let good = node.read("/etc/rolewall/ca.pem").unwrap();
    certificates(db, node, "IP:10.20.0.99");
    configured(node, required);
    refused(node, 5, &["TLS with the server failed", "inventory.sql.ca"]);
    database.stop();
    let database = Database::start(db, &tls);
    refused(node, 5, &["TLS with the server failed", "alternative name"]);
    node.write("/etc/hosts", "10.20.0.21 database.example.net\n").unwrap();
    certificates(db, node, "DNS:database.example.net");
    database.stop();
    let _database = Database::start(db, &tls);
    node.write(SETTINGS, settings(required).replace("10.20.0.21", "database.example.net")).unwrap();
    expect(node, 0, &["plan"], &[]);
    node.write("/etc/rolewall/ca.pem", good).unwrap();
    refused(node, 5, &["TLS with the server failed"]);
}

#[test]
fn rows_that_are_wrong_or_gone_are_told_and_leave_the_last_good_answer() {
    if !ready() {
        return;
    }
    let lab = lab();
    let (node, db) = both(&lab);
    let database = Database::new(db);
    database.sql(VENDOR);
    configured(node, "");
    expect(node, 0, &["apply", "--final"], &["confirmed"]);
    let kept = fs::read(outside(node, CACHE)).unwrap();

    database.sql("USE voipnow; INSERT INTO node_role VALUES (9, 'bpx'), (77, 'sip'); UPDATE node SET private_ip = NULL WHERE nodeid = 22");
    node.write(
        "/etc/rolewall/cluster.toml",
        format!("{CLUSTER}[[node]]\nname = \"web1\"\nroles = [\"web\"]\n"),
    )
    .unwrap();
    refused(
        node,
        2,
        &[
            "sql node_role nodeid=9: unknown role `bpx`",
            "did you mean `pbx`?",
            "sql node_role nodeid=77",
            "sql node nodeid=22: node `db2` has no address",
            "inventory.sql.nodes",
            "cluster.toml:7:1: `roles` of a node comes from the database",
        ],
    );
    node.configure(CLUSTER, &settings(""));
    database.sql("USE voipnow; DELETE FROM node; DELETE FROM node_role");
    refused(node, 2, &["the database has no nodes"]);
    assert_eq!(fs::read(outside(node, CACHE)).unwrap(), kept);

    database.sql("USE voipnow; INSERT INTO node VALUES (7, 'sip1', '10.20.0.1', NULL); INSERT INTO node_role VALUES (7, 'sip')");
    let before = ruleset(node);
    let held =
        expect(node, 2, &["apply", "--final"], &["the inventory has 1 nodes, and the confirmed one had 5"]);
    assert!(held.stderr.contains("1 rows of nodes where it had 5"), "{}", held.stderr);
    assert_eq!(ruleset(node), before);
    expect(
        node,
        2,
        &["node", "add", "web9", "--private", "10.20.0.9", "--role", "web"],
        &["come from the database"],
    );
}

#[test]
fn a_slow_server_is_not_waited_for_and_a_root_or_a_file_asks_none() {
    if !ready() {
        return;
    }
    let lab = lab();
    let (node, db) = both(&lab);
    let mut database = Database::new(db);
    database.sql(VENDOR);
    configured(node, "timeout_s = 1");
    node.write("/etc/rolewall/cluster.toml", CLUSTER).unwrap();
    let files = node.files().display().to_string();
    let below = || node.command(ROLEWALL).args(["--root", &files, "plan"]).run().unwrap();
    said(2, &below()).mentions(&["--root", "inventory.sql", "source = \"file\""]);
    expect(node, 0, &["plan"], &[]);
    said(0, &below()).mentions(&["sip1: sip", "--root asks no database", "10.20.0.21:3306/voipnow"]);

    // One that takes the query and does not end it, and one that does not even greet.
    let slow =
        "timeout_s = 1\nnodes = \"SELECT SLEEP(30) AS nodeid, 'a' AS name, '' AS private, '' AS public\"";
    configured(node, slow);
    let timed = |words: &[&str]| {
        let started = Instant::now();
        expect(node, 0, &["plan"], words);
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    };
    timed(&["did not answer within 1 s", "stands in for it"]);
    configured(node, "timeout_s = 1");
    database.freeze();
    timed(&["did not answer within 1 s", "stands in for it"]);
    fs::remove_file(outside(node, CACHE)).unwrap();
    refused(node, 5, &["did not answer within 1 s", "no earlier answer"]);

    // A file's inventory: not even the password file is looked at.
    fs::remove_file(outside(node, PASSWORD_FILE)).unwrap();
    let as_file = settings("").replace("source = \"sql\"", "source = \"file\"");
    let nodes = "[[node]]\nname = \"sip1\"\nprivate = [\"10.20.0.1\"]\nroles = [\"sip\"]\n";
    node.configure(&format!("{CLUSTER}{nodes}"), &as_file);
    expect(node, 0, &["apply", "--final"], &["confirmed"]);
}
