//! What answers at the database's port may be anything: it gets no password and no file, keeps nobody waiting, and
//! ends in an error. Not here: a real database (`commands_sql`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Host, HostSpec, Lab};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::can_run;
use support::database::{PASSWORD, USER};
use support::program::Program;

const CLUSTER: &str = "[cluster]\nname = \"voice\"\nprivate = [\"10.20.0.0/16\"]\n";

fn lab() -> Lab {
    let plugged =
        |name: &str, address: &str| HostSpec::new(name).plug("private", "eth0", &[address]).unwrap();
    let node = plugged("node", "10.20.0.1/16");
    Lab::builder().network("private").host(node).host(plugged("db", "10.20.0.21/16")).up().unwrap()
}

fn configure(node: &Host, more: &str) {
    let file = "/etc/rolewall/sql.password";
    let settings = format!(
        "[inventory]\nsource = \"sql\"\n[inventory.sql]\nhost = \"10.20.0.21\"\nuser = \"{USER}\"\n\
         password_file = \"{file}\"\ntimeout_s = 2\n{more}\n"
    );
    node.configure(CLUSTER, &settings);
    node.write(file, PASSWORD).unwrap();
    let outside = node.files_outside().unwrap().join(&file[1..]);
    fs::set_permissions(outside, fs::Permissions::from_mode(0o600)).unwrap();
}

fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&length[..3], &[number], payload].concat()
}

/// A greeting that offers no TLS.
fn greeting(plugin: &str) -> Vec<u8> {
    let start = b"\x0a5.5.5-10.11.19-MariaDB\0\x05\0\0\0abcdefgh\0\xfe\xf7\x2d\x02\0\xff\x81\x15";
    let rest = b"\0\0\0\0\0\0\x1d\0\0\0ijklmnopqrst\0";
    packet(0, &[start, &rest[..], plugin.as_bytes(), b"\0"].concat())
}

/// Says these things in turn, each after the other end has said one; then says nothing more, or hangs up.
fn converse(mut stream: TcpStream, script: &[Vec<u8>], hangs_up: bool, heard: &Mutex<Vec<u8>>) {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    for (index, said) in script.iter().enumerate() {
        let mut buffer = [0; 4096];
        if index > 0 {
            let count = stream.read(&mut buffer).unwrap_or(0);
            heard.lock().unwrap().extend(&buffer[..count]);
        }
        let _ = stream.write_all(said);
    }
    let mut rest = Vec::new();
    if !hangs_up {
        let _ = stream.read_to_end(&mut rest);
    }
    heard.lock().unwrap().extend(rest);
}

/// What comes of a plan with this at the database's port: the error, within bounds, and what was heard.
#[track_caller]
fn plan_with(lab: &Lab, script: &[Vec<u8>], hangs_up: bool, words: &[&str]) -> Vec<u8> {
    let (node, db) = (lab.host("node").unwrap(), lab.host("db").unwrap());
    let listener = db.in_namespace(|| TcpListener::bind("10.20.0.21:3306")).unwrap().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (script, ears) = (script.to_vec(), heard.clone());
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        converse(stream, &script, hangs_up, &ears);
    });
    let started = Instant::now();
    let said = node.expect(5, &["plan"]);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    said.mentions(words);
    assert!(!said.stderr.contains("panicked") && !said.stderr.contains(PASSWORD), "{}", said.stderr);
    server.join().unwrap();
    let heard = heard.lock().unwrap().clone();
    assert!(!heard.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes()), "it heard the password");
    heard
}

#[test]
fn what_is_no_database_is_told_so() {
    if !can_run() {
        return;
    }
    let lab = lab();
    configure(lab.host("node").unwrap(), "");
    let no_database = "no MySQL or MariaDB that we understand";
    for said in [
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        vec![0; 64],
        packet(0, &[]),
        packet(0, b"\x09"),
        packet(0, &[0xff]),
        // A packet as long as there can be.
        vec![0xff, 0xff, 0xff, 0],
        packet(7, &[0x0a]),
    ] {
        plan_with(&lab, &[said], false, &[no_database]);
    }
    plan_with(&lab, &[b"\x4a".to_vec()], true, &["is away", "it ended the connection"]);
    plan_with(&lab, &[greeting("mysql_native_password")], true, &["is away"]);
    plan_with(
        &lab,
        &[packet(0, b"\xff\x10\x04Too many connections")],
        false,
        &["is away", "Too many connections"],
    );
    plan_with(
        &lab,
        &[packet(0, b"\xff\x6a\x04Host is \x1b[2Jblocked")],
        false,
        &["1130", "Host is  [2Jblocked"],
    );
}

#[test]
fn a_server_that_asks_for_the_password_or_a_file_gets_neither() {
    if !can_run() {
        return;
    }
    let lab = lab();
    configure(lab.host("node").unwrap(), "");
    let greeted = || greeting("mysql_native_password");
    let then = |said: &[u8]| [greeted(), packet(2, said)];
    for plugin in ["mysql_clear_password", "dialog", "client_ed25519"] {
        let switch = [b"\xfe", plugin.as_bytes(), b"\0abcdefghijklmnopqrst\0"].concat();
        plan_with(&lab, &then(&switch), false, &["wants the login by", plugin, "mysql_native_password"]);
    }
    plan_with(&lab, &then(b"\xfe"), false, &["mysql_old_password"]);
    let wants_all = [greeting("caching_sha2_password"), packet(2, b"\x01\x04")];
    plan_with(&lab, &wants_all, false, &["wants the password itself", "tls = \"required\""]);
    plan_with(&lab, &then(b"\x01\x02"), false, &["no MySQL or MariaDB"]);
    let logged_in = |answer: Vec<u8>| {
        let ok = b"\0\0\0\x02\0\0\0";
        [greeted(), packet(2, ok), packet(1, ok), packet(1, ok), answer]
    };
    let heard = plan_with(&lab, &logged_in(packet(1, b"\xfb/etc/shadow")), false, &["while answering"]);
    assert!(!heard.windows(5).any(|part| part == b"root:"));
    plan_with(
        &lab,
        &logged_in(packet(1, &[0xfe, 255, 255, 255, 255, 255, 255, 255, 255])),
        false,
        &["while answering"],
    );
    plan_with(&lab, &logged_in(packet(1, &[0])), false, &["while answering"]);
}

#[test]
fn a_server_that_drips_is_not_waited_for_longer_than_one_that_is_silent() {
    if !can_run() {
        return;
    }
    let lab = lab();
    let (node, db) = (lab.host("node").unwrap(), lab.host("db").unwrap());
    configure(node, "");
    let listener = db.in_namespace(|| TcpListener::bind("10.20.0.21:3306")).unwrap().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let greeting = greeting("mysql_native_password");
        // A byte each half second: every single read is quick.
        greeting
            .iter()
            .take_while(|byte| {
                std::thread::sleep(Duration::from_millis(500));
                stream.write_all(&[**byte]).is_ok()
            })
            .count()
    });
    let started = Instant::now();
    node.expect(5, &["plan"]).mentions(&["did not answer within 2 s"]);
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    assert!(server.join().unwrap() < 20);
}
