//! `detect`: files below a root and a live host's sockets, as people and programs get them.
//! Not here: how each program's files are read (crate `evidence`, and the daemons themselves).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Host, HostSpec, Lab, Listen};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use support::can_run;
use support::program::{Program, ROLEWALL};

fn below(root: &Path, arguments: &[&str]) -> Output {
    Command::new(ROLEWALL).arg("--root").arg(root).arg("detect").args(arguments).output().unwrap()
}

fn document(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn write(root: &Path, path: &str, content: &str) {
    let file = root.join(path.trim_start_matches('/'));
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, content).unwrap();
}

#[test]
fn files_below_a_root_give_endpoints_with_file_and_line_and_nothing_of_this_host() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "/etc/nginx/nginx.conf", "events { }\nhttp {\n    include /etc/nginx/sites/*;\n}\n");
    write(root.path(), "/etc/nginx/available", "server {\n    listen 192.0.2.1:8443 ssl;\n}\n");
    fs::create_dir_all(root.path().join("etc/nginx/sites")).unwrap();
    // A link as on a host: it leads to the file below the root.
    std::os::unix::fs::symlink("/etc/nginx/available", root.path().join("etc/nginx/sites/one")).unwrap();
    let found = document(&below(root.path(), &["--json"]));
    let endpoints = found["endpoints"].as_array().unwrap();
    assert_eq!(endpoints.len(), 1, "{endpoints:?}");
    let endpoint = &endpoints[0];
    assert_eq!(endpoint["service"], "nginx");
    assert_eq!((&endpoint["proto"], &endpoint["address"]), (&json!("tcp"), &json!("192.0.2.1")));
    assert_eq!((&endpoint["ports"], &endpoint["tls"]), (&json!("8443"), &json!(true)));
    assert_eq!((&endpoint["reach"], &endpoint["listening"]), (&json!("public"), &Value::Null));
    assert_eq!(endpoint["evidence"][0]["source"], "/etc/nginx/sites/one:2");
    assert_eq!(endpoint["evidence"][0]["kind"], "config");
    for nothing in ["unix", "unresolved", "errors"] {
        assert_eq!(found[nothing], json!([]), "{nothing}");
    }
}

#[test]
fn a_link_out_of_the_root_reads_nothing_of_this_host() {
    let root = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "/secret.conf", "-l 192.0.2.77\n");
    fs::create_dir_all(root.path().join("etc")).unwrap();
    for target in [outside.path().join("secret.conf"), "../../../../../../../etc/memcached.conf".into()] {
        let _ = fs::remove_file(root.path().join("etc/memcached.conf"));
        std::os::unix::fs::symlink(target, root.path().join("etc/memcached.conf")).unwrap();
        assert_eq!(document(&below(root.path(), &["--json"]))["endpoints"], json!([]));
    }
}

#[test]
fn a_main_file_elsewhere_is_named_and_its_includes_are_followed_from_there() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "/srv/redis.conf", "include more.conf\nport 6390\n");
    write(root.path(), "/srv/more.conf", "bind 192.0.2.1\n");
    let found = document(&below(root.path(), &["--json", "--file", "redis=/srv/redis.conf"]));
    assert_eq!(found["endpoints"][0]["ports"], "6390");
    assert_eq!(found["endpoints"][0]["address"], "192.0.2.1");
    let absent = document(&below(root.path(), &["--json", "--file", "redis=/srv/no.conf"]));
    assert!(absent["errors"][0].as_str().unwrap().starts_with("/srv/no.conf: "), "{absent}");
}

#[test]
fn a_service_that_is_not_known_and_a_path_that_is_none_are_refused() {
    let root = tempfile::tempdir().unwrap();
    for (word, says) in [("ngix=/a", "did you mean"), ("nginx", "SERVICE=PATH"), ("nginx=a", "absolute")] {
        let output = below(root.path(), &["--file", word]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(says), "{word}: {said}");
    }
}

#[test]
fn what_is_broken_is_an_error_beside_what_was_understood() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "/etc/redis/redis.conf", "bind 192.0.2.1\ninclude /etc/redis/redis.conf\nport 6379\n");
    write(root.path(), "/etc/memcached.conf", "-l MY_IP\n-l 192.0.2.1\n");
    let found = document(&below(root.path(), &["--json"]));
    let services: Vec<&str> =
        found["endpoints"].as_array().unwrap().iter().map(|e| e["service"].as_str().unwrap()).collect();
    assert_eq!(services, ["memcached", "redis"]);
    assert!(found["errors"][0].as_str().unwrap().starts_with("/etc/redis/redis.conf:2: "), "{found}");
    assert_eq!(found["unresolved"][0]["what"], "the address of \"MY_IP\"");
}

fn lab() -> Lab {
    let spec = HostSpec::new("node").plug("public", "eth0", &["192.0.2.1/24", "2001:db8::1/64"]).unwrap();
    Lab::builder().network("public").host(spec).up().unwrap()
}

fn conflicts(node: &Host) -> Vec<String> {
    let found = node.json(&["detect"]);
    let kind = |conflict: &Value| conflict["kind"].as_str().unwrap().to_owned();
    found["conflicts"].as_array().unwrap().iter().map(kind).collect()
}

#[test]
fn a_live_host_s_sockets_confirm_its_files_or_contradict_them() {
    if !can_run() {
        return;
    }
    let lab = lab();
    let node = lab.host("node").unwrap();
    node.write("/etc/redis/redis.conf", "bind 127.0.0.1 192.0.2.1\nport 6379\nprotected-mode no\n").unwrap();
    assert_eq!(conflicts(node), ["not-listening"]);
    let start = |port: &str| {
        let words =
            ["--port", port, "--bind", "127.0.0.1", "192.0.2.1", "--protected-mode", "no", "--save", ""];
        let mut running = node.command("redis-server").args(words).spawn().unwrap();
        running.wait_for("Ready to accept", std::time::Duration::from_secs(30)).unwrap();
        running
    };
    let mut server = start("6379");
    let found = node.json(&["detect"]);
    for endpoint in found["endpoints"].as_array().unwrap() {
        assert_eq!((&endpoint["configured"], &endpoint["listening"]), (&json!(true), &json!(true)));
        let socket = endpoint["evidence"].as_array().unwrap().last().unwrap();
        assert_eq!(socket["kind"], "socket");
        assert!(socket["text"].as_str().unwrap().starts_with("process redis-server ("), "{socket}");
    }
    // By its process and port it is the distributed database's, and that must not be public.
    assert_eq!(conflicts(node), ["public-bind"]);
    server.signal(rustix::process::Signal::TERM).unwrap();
    server.wait(std::time::Duration::from_secs(30)).unwrap();
    let _moved = start("6380");
    assert!(conflicts(node).contains(&"port-differs".to_owned()));
}

#[test]
fn unix_sockets_and_loopback_are_told_apart_from_what_a_network_reaches() {
    if !can_run() {
        return;
    }
    let lab = lab();
    let node = lab.host("node").unwrap();
    let words = ["--port", "6379", "--bind", "127.0.0.1", "--unixsocket", "/run/redis.sock", "--save", ""];
    let mut running = node.command("redis-server").args(words).spawn().unwrap();
    running.wait_for("Ready to accept", std::time::Duration::from_secs(30)).unwrap();
    let found = node.json(&["detect"]);
    assert_eq!(found["unix"][0]["path"], "/run/redis.sock");
    assert_eq!(found["endpoints"][0]["reach"], "loopback");
    assert_eq!(found["conflicts"], json!([]));
    assert_eq!(found["roles"], json!([]));
    let _strange = node.serve(Listen::new().tcp([8000])).unwrap();
    assert_eq!(conflicts(node), ["no-role"]);
}
