//! What the tests of `audit` share: two nodes, and words for what an audit says of them.
//! Not here: the servers that are asked ([`servers`]).
#![allow(dead_code, reason = "each test crate uses a part of it")]

pub(crate) mod servers;

use crate::support::program::Program;
use rolewall_lab::{Host, HostSpec, Lab};
use serde_json::{Value, json};

/// Two nodes on the private network.
pub(crate) fn pair() -> Lab {
    let node = HostSpec::new("node").plug("private", "eth0", &["10.20.0.1/16", "fd20::1/48"]).unwrap();
    let other = HostSpec::new("other").plug("private", "eth0", &["10.20.0.2/16", "fd20::2/48"]).unwrap();
    Lab::builder().network("private").host(node).host(other).up().unwrap()
}

/// The inventory of the two.
pub(crate) fn cluster(node: &[&str], other: &[&str]) -> String {
    format!(
        "[cluster]\nname = \"voice\"\nprivate = [\"10.20.0.0/16\", \"fd20::/48\"]\n\
         admin = [\"10.20.8.0/24\"]\n\n\
         [[node]]\nname = \"node\"\nprivate = [\"10.20.0.1\", \"fd20::1\"]\nroles = {node:?}\n\n\
         [[node]]\nname = \"other\"\nprivate = [\"10.20.0.2\", \"fd20::2\"]\nroles = {other:?}\n"
    )
}

pub(crate) fn configure<'l>(lab: &'l Lab, node: &[&str], other: &[&str]) -> (&'l Host, &'l Host) {
    let host = lab.host("node").unwrap();
    host.configure(&cluster(node, other), "[node]\nname = \"node\"\n");
    (host, lab.host("other").unwrap())
}

/// `rolewall audit ... --json`, and its exit code, which has to fit the document.
#[track_caller]
pub(crate) fn audit(host: &Host, arguments: &[&str]) -> Value {
    let finished = host.run(&[&["audit", "--json"], arguments].concat());
    let document: Value = serde_json::from_slice(&finished.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}\n{}", finished.stdout(), finished.stderr()));
    let count: usize = endpoints(&document).iter().map(|e| e["findings"].as_array().unwrap().len()).sum();
    assert_eq!(document["findings"], json!(count));
    assert_eq!(finished.code(), Some(i32::from(count > 0)), "{document:#}");
    document
}

pub(crate) fn endpoints(document: &Value) -> &Vec<Value> {
    document["endpoints"].as_array().unwrap()
}

/// The endpoint of that service and port.
#[track_caller]
pub(crate) fn endpoint<'d>(document: &'d Value, service: &str, port: u16) -> &'d Value {
    let mut all = endpoints(document).iter();
    let found = all.find(|e| e["service"] == service && e["port"] == port);
    found.unwrap_or_else(|| panic!("no {service} {port} in {document:#}"))
}

/// What is found there.
pub(crate) fn findings(endpoint: &Value) -> Vec<String> {
    let all = endpoint["findings"].as_array().unwrap();
    assert!(all.iter().all(|f| f["why"].is_string() && f["do"].is_string()), "{endpoint:#}");
    all.iter()
        .map(|f| format!("{}: {}", f["severity"].as_str().unwrap(), f["what"].as_str().unwrap()))
        .collect()
}

#[track_caller]
pub(crate) fn assert_kept(endpoint: &Value) {
    assert_eq!(endpoint["answer"]["state"], "answered", "{endpoint:#}");
    assert!(findings(endpoint).is_empty(), "{endpoint:#}");
}

#[track_caller]
pub(crate) fn assert_found(endpoint: &Value, words: &str) {
    assert!(findings(endpoint).iter().any(|f| f.contains(words)), "`{words}`: {endpoint:#}");
}
