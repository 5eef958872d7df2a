//! `rolewall audit` of databases, queues and stores, against real servers with and without credentials.
//! Not here: what is encrypted (`commands_audit`).
#![allow(clippy::unwrap_used, missing_docs)]

mod audit_support;
mod support;

use audit_support::servers::{
    certificate, installed, mariadb, memcached, postgresql, rabbitmq, redis, run, stand_in, start,
};
use audit_support::{assert_found, assert_kept, audit, configure, endpoint, endpoints, findings, pair};
use serde_json::{Value, json};
use std::time::Duration;
use support::{can_run, eventually};

#[test]
fn another_node_s_store_is_asked_over_the_private_network_and_says_whether_it_wants_a_password() {
    if !can_run() || !installed(&["redis-server"]) {
        return;
    }
    let lab = pair();
    let (node, other) = configure(&lab, &["sip"], &["dd", "es"]);
    let open = redis(other, "10.20.0.2", 11211, &["--protected-mode", "no"]);
    let document = audit(node, &["--only", "dd"]);
    let store = endpoint(&document, "hubring", 11211);
    assert_eq!((store["node"].as_str(), store["address"].as_str()), (Some("other"), Some("10.20.0.2")));
    assert_found(store, "broken: INFO is answered without credentials");
    let why = store["findings"][0]["why"].as_str().unwrap();
    assert!(why.contains("some basic operations are possible without credentials"), "{store:#}");
    // SIP is no client of Elasticsearch: the plan does not let it out, so it does not ask.
    assert!(endpoints(&audit(node, &["--timeout", "1"])).iter().all(|e| e["role"] != "es"));

    drop(open);
    let _closed = redis(other, "10.20.0.2", 11211, &["--requirepass", "a-long-secret"]);
    let document = audit(node, &["--only", "hubring"]);
    assert_kept(endpoint(&document, "hubring", 11211));
}

#[test]
fn a_store_that_speaks_tls_though_none_is_promised_is_asked_within_it() {
    if !can_run() || !installed(&["redis-server", "openssl"]) {
        return;
    }
    let lab = pair();
    let (node, _) = configure(&lab, &["dd"], &["worker"]);
    let (key, certificate) = certificate(node, "store.example.net");
    let tls = ["--tls-cert-file", &certificate, "--tls-key-file", &key, "--tls-auth-clients", "no"];
    let more = ["--tls-port", "11211", "--protected-mode", "no"];
    let words = ["redis-server", "--port", "0", "--bind", "10.20.0.1", "--save", ""];
    let _redis = start(node, &[&words[..], &more, &tls].concat(), &[], "10.20.0.1:11211");
    let document = audit(node, &[]);
    let store = endpoint(&document, "hubring", 11211);
    assert!(store["answer"]["tls"].is_object(), "{store:#}");
    assert_found(store, "broken: INFO is answered without credentials");
}

#[test]
fn a_memory_cache_in_the_place_of_the_store_is_known_by_its_answer() {
    if !can_run() || !installed(&["memcached"]) {
        return;
    }
    let lab = pair();
    let (node, _) = configure(&lab, &["dd"], &["worker"]);
    let _memcached = memcached(node, "127.0.0.1");
    let document = audit(node, &[]);
    let store = endpoint(&document, "hubring", 11211);
    assert_eq!(store["address"], "127.0.0.1");
    assert_found(store, "broken: stats is answered without credentials");
    assert_eq!(store["notes"], json!(["it speaks memcache's protocol"]));
}

#[test]
fn a_database_refuses_the_anonymous_user_or_is_found() {
    if !can_run() || !installed(&["mariadbd"]) {
        return;
    }
    let lab = pair();
    let (node, _) = configure(&lab, &["sql"], &["worker"]);
    let _server = mariadb(node, "DELETE FROM mysql.global_priv WHERE user = ''; FLUSH PRIVILEGES");
    let database = |document: &Value| endpoint(document, "mysql", 3306).clone();
    let kept = database(&audit(node, &[]));
    assert_kept(&kept);
    let told = kept["answer"]["said"][0].as_str().unwrap();
    assert!(told.contains("MariaDB") && told.contains("login refused"), "{told}");
    let socket = format!("--socket={}/mariadb/socket", node.files().display());
    let statement = "CREATE USER ''@'%'";
    let client = ["--no-defaults", &socket, "-u", "root", "-e", statement];
    node.command("mariadb").args(client).run().unwrap().ok().unwrap();
    assert_found(&database(&audit(node, &[])), "broken: the anonymous user may log in without a password");
}

#[test]
fn a_queue_says_its_mechanisms_and_the_shipped_user_is_tried_only_when_told_to() {
    if !can_run() || !installed(&["rabbitmq-server"]) {
        return;
    }
    let lab = pair();
    let (node, _) = configure(&lab, &["queue"], &["worker"]);
    let _broker = rabbitmq(node, "listeners.tcp.1 = 0.0.0.0:5672\nloopback_users = none\n");
    let quiet = audit(node, &["--only", "amqp"]);
    let queue = endpoint(&quiet, "amqp", 5672);
    assert_kept(queue);
    assert_eq!(queue["asked"], json!(["the mechanisms of authentication"]));
    assert!(queue["answer"]["said"][0].as_str().unwrap().contains("RabbitMQ"), "{queue:#}");
    let document = audit(node, &["--only", "amqp", "--try-defaults"]);
    assert_found(endpoint(&document, "amqp", 5672), "broken: the user guest has the password");
}

#[test]
fn an_own_role_is_asked_what_its_file_promises() {
    if !can_run() || !installed(&["pg_ctlcluster"]) {
        return;
    }
    let lab = pair();
    let (node, _) = configure(&lab, &["sip"], &["worker"]);
    let role = "[role]\nname = \"records\"\ntitle = \"Records\"\npublic = \"never\"\n\
        [[service]]\nname = \"records-sql\"\nports = [\"tcp/5432\"]\nprocesses = [\"postgres\"]\n\
        purpose = \"call records\"\nstatus = \"assumed\"\nsource = \"ours\"\n\
        [service.promise]\nspeaks = \"postgresql\"\nencrypted = \"no\"\nauthenticated = true\n\
        status = \"assumed\"\nsource = \"our own rules\"\n";
    node.write("/etc/rolewall/roles.d/records.toml", role).unwrap();
    let server = postgresql(node, "host all all 0.0.0.0/0 trust\nhost all all ::/0 trust\n");
    let document = audit(node, &["--only", "records"]);
    let records = endpoint(&document, "records-sql", 5432);
    assert_found(records, "broken: anybody may log in as postgres without a password");
    assert_eq!(records["findings"][0]["why"], "our own rules");
    node.write("/postgresql/data/pg_hba.conf", "host all all all scram-sha-256\n").unwrap();
    run(node, &["sh", "-c", "kill -HUP $(head -n 1 /run/rolewall-lab/files/postgresql/data/postmaster.pid)"]);
    eventually(Duration::from_secs(10), "the new settings hold", || {
        let document = audit(node, &["--only", "records"]);
        findings(endpoint(&document, "records-sql", 5432)).is_empty()
    });
    drop(server);
}

#[test]
fn search_without_a_password_is_found() {
    if !can_run() {
        return;
    }
    let lab = pair();
    let (node, other) = configure(&lab, &["es"], &["es"]);
    // Elasticsearch is not in Debian: stand-ins say what it says with and without its security.
    stand_in(node, "10.20.0.1:9200", b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n");
    let document = audit(node, &["--this-host"]);
    assert_kept(endpoint(&document, "search", 9200));
    let open =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"tagline\" : \"You Know, for Search\"}";
    stand_in(other, "10.20.0.2:9200", open);
    configure(&lab, &["web", "pbx"], &["es"]);
    let document = audit(node, &["--only", "es"]);
    assert_found(endpoint(&document, "search", 9200), "broken: requests are answered without credentials");
}
