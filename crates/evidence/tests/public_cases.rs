//! Configuration of public projects, where a checkout of them lies beside this one: each case has the files
//! and what the running service opened. They are other people's, so that they are not kept here.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use rolewall_evidence::{Found, HostFacts, NamedFile, programs};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use support::Memory;

/// Cases that say something else than the program's endpoints, with the reason.
const OTHERWISE: &[(&str, &str)] = &[
    (
        "activemq-dynamic2",
        "written by hand, without JMX: createConnector=\"true\" makes the running broker listen at 1100",
    ),
    ("redis-tls-only", "the case leaves out that tls-port speaks TLS, which its purpose names"),
];

fn folder() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases/configs");
    std::env::var_os("ROLEWALL_PUBLIC_CASES").map_or(beside, PathBuf::from)
}

#[test]
fn public_configurations_are_read_as_the_running_services_did() {
    let Ok(classes) = fs::read_dir(folder()) else {
        println!("{} is not here: public cases were not read", folder().display());
        return;
    };
    let mut wrong = Vec::new();
    let mut read = 0;
    for case in classes.flat_map(|class| below(&class.unwrap().path())).flat_map(|s| below(&s)) {
        let expected: Value = serde_json::from_slice(&fs::read(case.join("expected.json")).unwrap()).unwrap();
        let service = expected["service"].as_str().unwrap();
        if programs::find(service).is_none() {
            continue;
        }
        read += 1;
        let found = found(&case, &expected);
        let (opened, asked) = (endpoints(&found), asked(&expected));
        if opened != asked && !OTHERWISE.iter().any(|(id, _)| expected["id"] == *id) {
            let missing: Vec<_> = asked.difference(&opened).collect();
            let more: Vec<_> = opened.difference(&asked).collect();
            wrong.push(format!(
                "{}\n  missing {missing:?}\n  more {more:?}\n{}",
                case.display(),
                support::shown(&found)
            ));
        }
    }
    println!("{read} public cases were read");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// The files stand in `/case`, placeholders replaced as the case says.
fn found(case: &Path, expected: &Value) -> Found {
    let context = &expected["context"];
    let mut memory = Memory::default();
    for (path, mut bytes) in Memory::of(&case.join("files")).files {
        for (from, to) in context["substitute"].as_object().into_iter().flatten() {
            bytes = String::from_utf8_lossy(&bytes).replace(from, to.as_str().unwrap()).into_bytes();
        }
        memory.files.insert(format!("/case{path}"), bytes);
    }
    if let Some(plugins) = context["enabled_plugins"].as_array() {
        let names: Vec<&str> = plugins.iter().filter_map(Value::as_str).collect();
        memory.files.insert("/case/enabled_plugins".into(), format!("[{}].\n", names.join(",")).into_bytes());
    }
    let program = expected["service"].as_str().unwrap().to_owned();
    let files: Vec<&str> = match expected["main"].as_str() {
        // Every file of these is a main file.
        _ if program == "asterisk" => {
            expected["files"].as_array().unwrap().iter().filter_map(Value::as_str).collect()
        }
        Some(main) => vec![main],
        None => Vec::new(),
    };
    let named: Vec<NamedFile> = files
        .into_iter()
        .map(|file| NamedFile { program: program.clone(), path: format!("/case/{file}") })
        .collect();
    programs::read(&memory, &HostFacts::default(), &named)
}

type Line = (String, String, String, bool);

fn endpoints(found: &Found) -> BTreeSet<Line> {
    let ports = |(first, last)| if first == last { format!("{first}") } else { format!("{first}-{last}") };
    let of = |e: &rolewall_evidence::Endpoint| {
        (e.transport.to_string(), e.address.to_string(), ports(e.ports), e.tls == Some(true))
    };
    found.endpoints.iter().map(of).collect()
}

fn asked(expected: &Value) -> BTreeSet<Line> {
    let hosts: Vec<&str> = expected["context"]["host_addresses"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut lines = BTreeSet::new();
    for listen in expected["listen"].as_array().unwrap() {
        let text = |key: &str| match &listen[key] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        // What only a running service knows is unresolved.
        if text("port") == "ephemeral" || text("addr").contains('*') {
            continue;
        }
        let address = match text("addr") {
            // Without the live host, all its IPv4 addresses are the unspecified one.
            address if hosts.contains(&address.as_str()) => "0.0.0.0".to_owned(),
            _ if listen["dual"] == true => "*".to_owned(),
            address => address,
        };
        lines.insert((text("proto"), address, text("port"), listen["tls"] == true));
    }
    lines
}
