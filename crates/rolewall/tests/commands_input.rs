//! Bad input through the binary: refused with its place, and nothing is changed.
//! Not here: every wording there is (crate `policy` has cases for those).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Host, Lab};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use support::program::{Program, ROLEWALL, described, said};
use support::scene::{cluster, hosts, scene, settings};
use support::{can_run, generation, ruleset};

const CLUSTER: &str = "/etc/rolewall/cluster.toml";
const SETTINGS: &str = "/etc/rolewall/rolewall.toml";
const LOCAL_CONF: &str = "/etc/voipnow/local.conf";

/// A confirmed node, its good files, and what must not change.
struct Good {
    lab: Lab,
    generation: u32,
    ruleset: String,
    state: std::collections::BTreeMap<PathBuf, Vec<u8>>,
}

impl Good {
    fn new() -> Good {
        let lab = scene();
        let node = hosts(&lab).0;
        node.configure(&cluster(&["sql"], ""), &settings(""));
        node.expect(0, &["apply", "--final"]);
        let (generation, ruleset, state) = (generation(node), ruleset(node), node.state());
        Good { lab, generation, ruleset, state }
    }

    fn node(&self) -> &Host {
        hosts(&self.lab).0
    }

    fn path(&self, path: &str) -> PathBuf {
        self.node().files_outside().unwrap().join(path.trim_start_matches('/'))
    }

    /// Puts the good files back.
    fn restore(&self) {
        for path in [CLUSTER, SETTINGS, LOCAL_CONF] {
            let path = self.path(path);
            match fs::symlink_metadata(&path) {
                Ok(meta) if meta.is_dir() => fs::remove_dir_all(&path).unwrap(),
                Ok(_) => fs::remove_file(&path).unwrap(),
                Err(_) => {}
            }
        }
        self.node().configure(&cluster(&["sql"], ""), &settings(""));
    }

    /// With what stands now, every command that needs the input ends with this code and these words, and
    /// changes nothing.
    #[track_caller]
    fn assert_refused(&self, code: i32, words: &[&str]) {
        for command in [&["apply"][..], &["apply", "--final"], &["plan"], &["diff"]] {
            let finished = self.node().run(command);
            said(code, &finished).mentions(words);
            assert!(!finished.stderr().contains("panicked"), "{}", described(&finished));
        }
        self.assert_unchanged();
    }

    #[track_caller]
    fn assert_unchanged(&self) {
        assert_eq!(generation(self.node()), self.generation);
        assert_eq!(ruleset(self.node()), self.ruleset);
        assert_eq!(self.node().state(), self.state);
    }
}

/// A good text with one thing replaced, and the line and column where the replacement stands.
fn spoilt(good: &str, from: &str, to: &str) -> (String, usize, usize) {
    let at = good.find(from).unwrap();
    let line = good[..at].matches('\n').count() + 1;
    let column = at - good[..at].rfind('\n').map_or(0, |n| n + 1) + 1;
    (good.replacen(from, to, 1), line, column)
}

#[test]
fn a_mistake_in_the_inventory_is_shown_at_its_line_and_column_and_nothing_is_changed() {
    if !can_run() {
        return;
    }
    let good = Good::new();
    let text = cluster(&["sql"], "ports = { sql = [\"tcp/3306\"] }");
    let mistakes = [
        ("\"jabber\"]", "\"jaber\"]", &["jaber", "jabber"][..]),
        ("\"tcp/3306\"", "\"tcp/0\"", &["tcp/0"]),
        ("\"tcp/3306\"", "\"tcp/65536\"", &["tcp/65536"]),
        ("\"10.20.1.13\"", "\"10.20.1.256\"", &["10.20.1.256"]),
        ("\"10.20.0.0/16\"", "\"10.20.0.0/33\"", &["10.20.0.0/33"]),
        ("\"10.20.1.13\"", "\"10.20.1.12\"", &["10.20.1.12", "other-pbx"]),
        ("\"other-jabber\"", "\"other-pbx\"", &["other-pbx"]),
        ("\"other-jabber\"", "\"other jabber\"", &["other jabber"]),
    ];
    for (from, to, words) in mistakes {
        let (spoilt, line, column) = spoilt(&text, from, to);
        good.node().write(CLUSTER, spoilt).unwrap();
        let place = format!("{CLUSTER}:{line}:{column}");
        good.assert_refused(2, &[&[place.as_str()], words].concat());
    }
    good.restore();
    assert_eq!(good.node().run(&["plan"]).code(), Some(0));
}

#[test]
fn all_mistakes_of_all_files_are_shown_together() {
    if !can_run() {
        return;
    }
    let good = Good::new();
    let (inventory, line, column) = spoilt(&cluster(&["sql"], ""), "\"jabber\"]", "\"jaber\"]");
    let (inventory, other_line, other_column) = spoilt(&inventory, "\"203.0.113.0/24\"", "\"203.0.113\"");
    good.node().configure(&inventory, "[node]\nname = \"node\"\n[test]\nwindow = \"5s\"\nwindwo = \"1m\"\n");
    good.node().write(LOCAL_CONF, "# ours\nTRUSTED_NET 10.0.0.0/8 10.0.0.0/99\n").unwrap();
    good.assert_refused(
        2,
        &[
            &format!("{CLUSTER}:{line}:{column}"),
            &format!("{CLUSTER}:{other_line}:{other_column}"),
            &format!("{SETTINGS}:4:10"),
            &format!("{SETTINGS}:5:1"),
            &format!("{LOCAL_CONF}:2:24"),
        ],
    );
}

#[test]
fn a_file_that_is_cut_short_is_shown_at_its_end_and_nothing_is_changed() {
    if !can_run() {
        return;
    }
    let good = Good::new();
    let text = cluster(&["sql"], "");
    let mut parsed = 0;
    for part in 1..12 {
        let cut = &text[..text.len() * part / 12];
        good.node().write(CLUSTER, cut).unwrap();
        let finished = good.node().run(&["apply"]);
        // Cut between two lines it may be a whole inventory of fewer nodes, which is held, or elements.
        assert_eq!(finished.code(), Some(2), "{}", described(&finished));
        parsed += usize::from(!finished.stderr().contains(&format!("{CLUSTER}:")));
        good.assert_unchanged();
    }
    assert!(parsed <= 3, "most cuts are no inventory at all");
}

#[test]
fn what_is_no_text_file_is_named_and_nothing_is_changed() {
    if !can_run() {
        return;
    }
    let good = Good::new();
    for path in [CLUSTER, SETTINGS, LOCAL_CONF] {
        let file = good.path(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let clear = || {
            let _ = fs::remove_file(&file);
            let _ = fs::remove_dir(&file);
        };
        clear();
        fs::create_dir(&file).unwrap();
        good.assert_refused(2, &[path, "directory"]);
        clear();
        fs::write(&file, b"# \xff\xfe\n").unwrap();
        good.assert_refused(2, &[path, "UTF-8"]);
        clear();
        let large = fs::File::create(&file).unwrap();
        large.set_len(100 << 20).unwrap();
        good.assert_refused(2, &[path]);
        clear();
        for target in [file.file_name().unwrap(), "nowhere".as_ref()] {
            symlink(target, &file).unwrap();
            good.assert_refused(2, &[path]);
            clear();
        }
        good.restore();
    }
}

#[test]
fn a_device_or_a_pipe_in_a_file_s_place_is_refused_and_not_waited_for() {
    if !can_run() {
        return;
    }
    let good = Good::new();
    for path in [CLUSTER, SETTINGS, LOCAL_CONF] {
        let file = good.path(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&file);
        good.node().command("mkfifo").arg(good.node().files().join(&path[1..])).run().unwrap().ok().unwrap();
        good.assert_refused(2, &[path]);
        fs::remove_file(&file).unwrap();
        symlink("/dev/zero", &file).unwrap();
        good.assert_refused(2, &[path]);
        good.restore();
    }
}

#[test]
fn arguments_that_mean_nothing_are_refused_with_what_is_possible() {
    if !can_run() {
        return;
    }
    let good = Good::new();
    let cases: &[(&[&str], &[&str])] = &[
        (&["apply", "--window", "5s"], &["5s", "10s"]),
        (&["apply", "--window", "25h"], &["25h", "24h"]),
        (&["apply", "--window", "10"], &["10s"]),
        (&["apply", "--window", "10m", "--final"], &["--final"]),
        (&["aply"], &["apply"]),
        (&["plan", "--node", "nobody"], &["nobody"]),
        (&["explain", "in", "tcp", "192.0.2.99"], &[]),
        (&["explain", "sideways", "tcp", "192.0.2.99", "192.0.2.1:22"], &["sideways"]),
        (&["explain", "in", "tcp", "192.0.2.999", "192.0.2.1:22"], &["192.0.2.999"]),
        (&["explain", "in", "tcp", "192.0.2.99", "[2001:db8::1]:22"], &[]),
        (&[], &["Usage"]),
    ];
    for (arguments, words) in cases {
        good.node().expect(2, arguments).mentions(words);
    }
    good.assert_unchanged();
}

#[test]
fn a_node_that_is_not_in_the_inventory_is_told_how_to_say_which_it_is() {
    if !can_run() {
        return;
    }
    let good = Good::new();
    good.node().write(SETTINGS, "[node]\nname = \"somebody\"\n").unwrap();
    good.assert_refused(2, &["somebody", "name ="]);
    let elsewhere =
        cluster(&["sql"], "").replace("10.20.0.1\"", "10.20.0.77\"").replace("fd20::1\"", "fd20::77\"");
    let elsewhere =
        elsewhere.replace("192.0.2.1\"", "192.0.2.77\"").replace("2001:db8::1\"", "2001:db8::77\"");
    good.node().configure(&elsewhere, "");
    good.assert_refused(2, &["not in the inventory", "name ="]);
}

#[test]
fn root_reads_below_a_directory_and_refuses_what_needs_the_live_host() {
    if !can_run() {
        return;
    }
    let good = Good::new();
    let node = good.node();
    let files = node.files().display().to_string();
    let run =
        |arguments: &[&str]| node.command(ROLEWALL).args(["--root", &files]).args(arguments).run().unwrap();
    for command in [
        &["apply"][..],
        &["apply", "--final"],
        &["confirm"],
        &["revert"],
        &["disable"],
        &["enable"],
        &["boot"],
        &["janitor"],
        &["status"],
        &["node", "remove", "other-web"],
    ] {
        said(2, &run(command)).mentions(&[command[0], "--root", "--files"]);
    }
    let plan = said(0, &run(&["plan"]));
    assert!(plan.stdout.contains("tcp/3306"), "{}", plan.stdout);
    good.assert_unchanged();
    let lock = fs::read_to_string(good.path("/var/lib/rolewall/lock")).unwrap();
    assert!(lock.contains("rolewall apply"), "not even the lock was taken: {lock}");
}

#[test]
fn without_the_capability_it_says_so_and_changes_nothing() {
    if !can_run() {
        return;
    }
    let good = Good::new();
    let node = good.node();
    let files = node.files().display().to_string();
    for command in [&["apply"][..], &["apply", "--final"], &["status"], &["confirm"], &["disable"], &["boot"]]
    {
        let dropped =
            ["--bounding-set", "-net_admin", "--inh-caps", "-net_admin", "--", ROLEWALL, "--files", &files];
        let finished = node.command("setpriv").args(dropped).args(command).run().unwrap();
        said(3, &finished).mentions(&["CAP_NET_ADMIN"]);
        assert_eq!((generation(node), ruleset(node)), (good.generation, good.ruleset.clone()));
    }
    good.node().expect(0, &["status"]);
}
