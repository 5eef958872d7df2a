//! The drill itself, once and whole, and what is left of it on this machine: nothing.
//! Not here: what each command does; those have tests of their own.

use rolewall_kernel::NetNs;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The processes of a drill inherit this variable, which tells them from everybody else's.
const MARK: &str = "ROLEWALL_DRILL_TEST";

/// A user that is not root: nobody, on every Linux.
const NOBODY: u32 = 65534;

fn can_run() -> bool {
    if rustix::process::geteuid().is_root() {
        return true;
    }
    eprintln!("SKIPPED: needs root");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "SKIPPED: needs root, and CI must not skip");
    false
}

/// A drill of its own mark.
fn drill(mark: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rolewall"));
    command.arg("drill").args(arguments).env(MARK, mark).env_remove("SSH_CONNECTION");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn the_whole_story_is_as_planned_and_leaves_nothing() {
    if !can_run() {
        return;
    }
    let mark = format!("whole-{}", std::process::id());
    let before = Machine::now();
    let mut child = drill(&mark, &["--json"]).spawn().unwrap();
    let (story, namespaces) = follow(child.stderr.take().unwrap(), "4. ", &mark);
    let Output { status, stdout, .. } = child.wait_with_output().unwrap();
    assert_eq!(status.code(), Some(0), "{story}");
    for line in [
        "the operator's sessions over IPv4 and IPv6 are kept",
        "refused over the very session that apply ran over (exit code 2)",
        "refused (exit code 2), and the session is named",
        "what the mistake changes, and nothing else does:",
        "got in from then on",
        "every answer is what it was before the mistake",
        "rolewall status: confirmed, revision 3, no drift",
        "0 of their namespaces in use",
        "drill: all as planned: ",
    ] {
        assert!(story.contains(line), "no line \"{line}\" in:\n{story}");
    }
    assert!(!story.contains("WRONG") && !story.contains('\x1b'), "{story}");
    assert_summary(&stdout);
    assert!(namespaces.len() >= 10, "{namespaces:?}");
    assert_gone(&namespaces, &mark);
    assert_eq!(Machine::now(), before);
}

fn assert_summary(stdout: &[u8]) {
    let summary: Value = serde_json::from_slice(stdout).expect("one JSON document");
    assert_eq!(summary["holds"], true, "{summary}");
    assert_eq!(summary["broken"], Value::Array(Vec::new()), "{summary}");
    assert_eq!(summary["chapters"].as_array().map(Vec::len), Some(10), "{summary}");
    let figure =
        |name: &str| summary["figures"][name].as_f64().unwrap_or_else(|| panic!("{name}: {summary}"));
    assert!(figure("login_after_deadline_ms").abs() <= 250.0, "{summary}");
    assert!(figure("shut_out_ms") >= 9_700.0, "{summary}");
    assert!(summary["probes"].as_u64().is_some_and(|probes| probes > 2_000), "{summary}");
}

#[test]
fn what_is_not_as_planned_is_named_and_ends_with_1() {
    if !can_run() {
        return;
    }
    let mark = format!("sabotaged-{}", std::process::id());
    let mut child = drill(&mark, &[]).spawn().unwrap();
    follow_until(&mut child, "7. ", &mark);
    let sip1 = marked(&mark).into_iter().find(|p| fs::read(p.join("comm")).is_ok_and(|c| c == b"kamailio\n"));
    let sip1 = NetNs::open(sip1.unwrap().join("ns/net")).unwrap();
    // By then the mistake is in force, and nothing is committed before the deadline.
    std::thread::sleep(Duration::from_secs(4));
    let rule = ["insert", "rule", "inet", "rolewall", "input", "udp", "dport", "5060", "drop"];
    let sabotaged = sip1.run(|| Command::new("nft").args(rule).status()).unwrap().unwrap();
    assert!(sabotaged.success());
    drop(sip1);
    let Output { status, stdout, .. } = child.wait_with_output().unwrap();
    let story = String::from_utf8_lossy(&stdout);
    assert_eq!(status.code(), Some(1), "{story}");
    for line in [
        "WRONG  stranger  sip1 udp/5060 (public)",
        "  did not hold: every answer is what it was before the mistake",
        "drill: 5 NOT as planned: ",
    ] {
        assert!(story.contains(line), "no line \"{line}\" in:\n{story}");
    }
}

#[test]
fn a_drill_that_is_killed_leaves_nothing() {
    if !can_run() {
        return;
    }
    let mark = format!("killed-{}", std::process::id());
    let before = Machine::now();
    let mut child = drill(&mark, &[]).spawn().unwrap();
    let (story, namespaces) = follow_until(&mut child, "5. ", &mark);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(namespaces.len() >= 10, "{namespaces:?} {story}");
    assert_gone(&namespaces, &mark);
    assert_eq!(Machine::now(), before);
}

#[test]
fn without_root_it_says_what_is_needed_before_it_does_anything() {
    if !can_run() {
        return;
    }
    // Where another user may run it: the build directory may be root's alone.
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = directory.path().join("rolewall");
    fs::copy(env!("CARGO_BIN_EXE_rolewall"), &program).unwrap();
    let output =
        Command::new(&program).arg("drill").uid(NOBODY).gid(NOBODY).current_dir("/").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    let expected = format!(
        "error: rolewall drill makes network namespaces, which only root may; this is user {NOBODY}\n\
         help: run it as root:  sudo {} drill\n",
        program.display()
    );
    assert_eq!((said.as_ref(), output.stdout.as_slice()), (expected.as_str(), &b""[..]));
}

/// Reads a story to its end; at the line that begins with `at`, the namespaces of the drill's processes.
fn follow(story: impl std::io::Read, at: &str, mark: &str) -> (String, BTreeSet<PathBuf>) {
    let (mut text, mut namespaces) = (String::new(), BTreeSet::new());
    for line in BufReader::new(story).lines().map_while(Result::ok) {
        if line.starts_with(at) {
            namespaces = namespaces_of(&marked(mark));
        }
        text.push_str(&line);
        text.push('\n');
    }
    (text, namespaces)
}

/// Reads a story until the line that begins with `at`; the rest is never read.
fn follow_until(child: &mut Child, at: &str, mark: &str) -> (String, BTreeSet<PathBuf>) {
    let lines =
        BufReader::new(child.stdout.as_mut().expect("stdout is a pipe")).lines().map_while(Result::ok);
    let text: Vec<String> = lines.take_while(|line| !line.starts_with(at)).collect();
    (text.join("\n"), namespaces_of(&marked(mark)))
}

/// What a drill must not change, and can be compared while other things go on: this machine's interfaces,
/// rules, and network settings that a lab writes in its own namespaces.
#[derive(Debug, PartialEq, Eq)]
struct Machine {
    interfaces: BTreeSet<String>,
    ruleset: String,
    settings: Vec<String>,
}

impl Machine {
    fn now() -> Machine {
        let settings =
            ["ipv4/ping_group_range", "ipv4/icmp_ratelimit", "ipv4/tcp_retries2", "ipv4/ip_forward"];
        let settings = settings.map(|key| fs::read_to_string(Path::new("/proc/sys/net").join(key)));
        Machine {
            interfaces: names_in("/sys/class/net"),
            ruleset: ruleset(),
            settings: settings.into_iter().map(Result::unwrap).collect(),
        }
    }
}

/// Every rule of this machine, counters left out.
fn ruleset() -> String {
    let output = Command::new("nft").args(["--stateless", "list", "ruleset"]).output();
    let output = output.expect("nft is this test's oracle: apt-get install nftables");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits, since Linux ends processes and takes namespaces down in the background.
fn assert_gone(namespaces: &BTreeSet<PathBuf>, mark: &str) {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let processes = marked(mark);
        let left: Vec<PathBuf> = in_use().intersection(namespaces).cloned().collect();
        if processes.is_empty() && left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "left behind: processes {processes:?}, namespaces {left:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Processes with this mark.
fn marked(mark: &str) -> Vec<PathBuf> {
    let mark = format!("{MARK}={mark}");
    let has_mark = |process: &PathBuf| {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    };
    processes().into_iter().filter(has_mark).collect()
}

fn processes() -> Vec<PathBuf> {
    let names = names_in("/proc").into_iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    names.map(|name| Path::new("/proc").join(name)).collect()
}

/// The network, mount and PID namespaces of these processes, without those of this test.
fn namespaces_of(processes: &[PathBuf]) -> BTreeSet<PathBuf> {
    let of = |process: &Path| {
        let links = ["net", "mnt", "pid"].map(|kind| fs::read_link(process.join("ns").join(kind)));
        links.into_iter().filter_map(Result::ok).collect::<BTreeSet<_>>()
    };
    let own = of(Path::new("/proc/self"));
    processes.iter().flat_map(|process| of(process)).filter(|namespace| !own.contains(namespace)).collect()
}

/// Every namespace that a process is in, that a descriptor holds, or that has a name.
fn in_use() -> BTreeSet<PathBuf> {
    let named = names_in("/run/netns").into_iter().filter_map(|name| {
        let file = fs::metadata(Path::new("/run/netns").join(name)).ok()?;
        Some(PathBuf::from(format!("net:[{}]", file.ino())))
    });
    let mut used: BTreeSet<PathBuf> = named.collect();
    for process in processes() {
        for folder in ["ns", "fd"] {
            let links =
                names_in(process.join(folder)).into_iter().map(|name| process.join(folder).join(name));
            used.extend(links.filter_map(|link| fs::read_link(link).ok()));
        }
    }
    used
}

fn names_in(directory: impl AsRef<Path>) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
