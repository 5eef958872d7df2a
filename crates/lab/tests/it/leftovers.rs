use crate::world::{can_run, three_hosts};
use rolewall_lab::{Lab, Listen};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Set for the process that is to be killed.
const CHILD: &str = "ROLEWALL_LAB_TEST_CHILD";

#[test]
fn nothing_is_left_of_a_dropped_lab() {
    if !can_run() {
        return;
    }
    let run_before = names_in("/run");
    let lab = three_hosts();
    let namespaces = busy(&lab, |_| namespaces(&lab));
    assert_eq!(namespaces.len(), 9, "{namespaces:?}");
    drop(lab);
    assert_gone(&namespaces);
    assert_eq!(names_in("/run"), run_before);
}

#[test]
fn nothing_is_left_of_a_lab_whose_process_was_killed() {
    if !can_run() {
        return;
    }
    let name = "leftovers::the_child_that_is_killed";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let said = lines
        .filter_map(|line| line.split_once("NAMESPACES ").map(|(_, said)| said.to_owned()))
        .next()
        .unwrap();
    let namespaces: BTreeSet<String> = said.split(' ').map(str::to_owned).collect();
    assert_eq!(namespaces.len(), 9, "{namespaces:?}");
    assert!(namespaces.is_subset(&in_use()), "the child's namespaces are not seen");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_gone(&namespaces);
}

#[test]
fn the_child_that_is_killed() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let lab = three_hosts();
    busy(&lab, |_| {
        println!("NAMESPACES {}", namespaces(&lab).into_iter().collect::<Vec<_>>().join(" "));
        std::thread::sleep(Duration::from_secs(60));
    });
}

/// Runs `then` while everything that can hold a namespace goes on in the lab.
fn busy<T>(lab: &Lab, then: impl FnOnce(&Lab) -> T) -> T {
    let (sip, db, out) = (lab.host("sip").unwrap(), lab.host("db").unwrap(), lab.host("out").unwrap());
    let sshd = db.sshd(22).unwrap();
    let login = sshd.login(sip, db.ipv4("private").unwrap().into()).unwrap();
    let session = login.converse(Duration::from_millis(20)).unwrap();
    let _server = db.serve(Listen::new().tcp([80]).udp([80])).unwrap();
    let _stream = sip
        .stream(SocketAddr::new(db.ipv6("private").unwrap().into(), 80), Duration::from_millis(20))
        .unwrap();
    let daemon = out.command("sh").args(["-c", "setsid sleep 600 & exec sleep 600"]).spawn().unwrap();
    assert!(session.answers_within(Duration::from_secs(5)), "{}", sshd.log());
    // The far end of a session whose packets are dropped would not hear that it is over.
    db.ip("link set eth0 down").unwrap();
    let value = then(lab);
    drop(daemon);
    value
}

/// The network, mount and PID namespaces of all hosts, as `/proc` names them.
fn namespaces(lab: &Lab) -> BTreeSet<String> {
    let of = |host: &rolewall_lab::Host| {
        let links =
            host.command("readlink").args(["/proc/self/ns/net", "/proc/self/ns/mnt", "/proc/self/ns/pid"]);
        links.run().unwrap().ok().unwrap()
    };
    lab.hosts().iter().flat_map(|host| of(host).lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Waits, since Linux takes namespaces down in the background.
fn assert_gone(namespaces: &BTreeSet<String>) {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let left: Vec<_> = in_use().intersection(namespaces).cloned().collect();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "left behind: {left:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Every namespace that a thread is in, that a descriptor holds or that has a name under /run/netns.
fn in_use() -> BTreeSet<String> {
    let mut used: BTreeSet<String> = names_in("/run/netns")
        .iter()
        .filter_map(|name| std::fs::metadata(Path::new("/run/netns").join(name)).ok())
        .map(|file| format!("net:[{}]", file.ino()))
        .collect();
    for process in names_in("/proc").iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
        let process = Path::new("/proc").join(process);
        used.extend(links_in(&process.join("fd")));
        for thread in names_in(process.join("task")) {
            used.extend(links_in(&process.join("task").join(thread).join("ns")));
        }
    }
    used
}

fn links_in(directory: &Path) -> Vec<String> {
    let link = |name: &String| std::fs::read_link(directory.join(name)).ok();
    names_in(directory).iter().filter_map(link).map(|target| target.to_string_lossy().into_owned()).collect()
}

fn names_in(directory: impl AsRef<Path>) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
