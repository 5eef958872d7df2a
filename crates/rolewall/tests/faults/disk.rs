//! A state directory that is full, read-only, gone, or holds what nobody wrote so.
//! Not here: one call that fails ([`super::matrix`]), and power that does ([`super::power`]).

use super::judge::{OUTCOMES, Outcome, again, hold, judge};
use super::stage::{Stage, Stands, collect};
use super::steps::Known;
use super::support::can_run;
use super::support::program::{Program, described};
use super::view::View;
use rolewall_lab::Host;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the state directory is, in the host.
const STATE: &str = "/run/rolewall-lab/files/var/lib/rolewall";

/// A small file system under the state directory, which keeps what was in it.
struct SmallDisk<'s> {
    stage: &'s Stage,
}

impl SmallDisk<'_> {
    /// With so many KiB.
    fn mount(stage: &Stage, size_kib: u32) -> SmallDisk<'_> {
        let mut kept = BTreeMap::new();
        collect(&stage.state(""), &mut kept);
        fs::create_dir_all(stage.state("")).unwrap();
        let size = format!("size={size_kib}k,mode=700");
        done(stage.node(), "mount", &["-t", "tmpfs", "-o", &size, "tmpfs", STATE]);
        kept.iter().for_each(|(path, content)| fs::write(path, content).unwrap());
        SmallDisk { stage }
    }

    /// Leaves so many KiB free.
    fn fill(&self, free_kib: u64) {
        let filler = self.stage.state("filler");
        fs::write(&filler, vec![0; 1 << 20]).unwrap_err();
        let length = fs::metadata(&filler).unwrap().len();
        let file = fs::OpenOptions::new().write(true).open(&filler).unwrap();
        file.set_len(length.saturating_sub(free_kib * 1024)).unwrap();
    }

    fn make_room(&self) {
        fs::remove_file(self.stage.state("filler")).unwrap();
    }

    fn remount(&self, how: &str) {
        done(self.stage.node(), "mount", &["-o", &format!("remount,{how}"), STATE]);
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        done(self.stage.node(), "umount", &["-l", STATE]);
    }
}

fn done(host: &Host, program: &str, arguments: &[&str]) {
    host.command(program).args(arguments).run().unwrap().ok().unwrap();
}

/// The command of a step on a disk that is as it is; then `mended`, and the same command again.
fn on_this_disk(stage: &Stage, known: &Known, what: &str, mended: impl FnOnce()) -> Result<Outcome, String> {
    let finished = stage.node().run(known.step.arguments);
    let judged = judge(stage, known, &finished).and_then(|left| {
        mended();
        again(stage, known, &left).map_err(|wrong| format!("then again: {wrong}"))?;
        Ok(left.outcome)
    });
    judged.map_err(|wrong| format!("{}: {what}\n{wrong}\n{}", known.step.name, described(&finished)))
}

/// Kibibytes that a full disk may still have, by the page: from nothing to more than any step writes.
const FREE_KIB_MAX: usize = 48;
const PAGE_KIB: usize = 4;
/// More than everything that is in the state directory.
const DISK_KIB: u32 = 192;

pub(crate) const FULL_DISKS: usize = FREE_KIB_MAX / PAGE_KIB + 1;

/// With room in the end it is done.
pub(crate) fn full(stage: &Stage, known: &Known, pages: usize) -> Result<Outcome, String> {
    known.step.begin(stage);
    let disk = SmallDisk::mount(stage, DISK_KIB);
    disk.fill((pages * PAGE_KIB) as u64);
    let what = format!("{pages} pages free");
    on_this_disk(stage, known, &what, || disk.make_room())
}

/// A boot needs to write nothing.
pub(crate) fn read_only(stage: &Stage, known: &Known) -> Result<Outcome, String> {
    known.step.begin(stage);
    let disk = SmallDisk::mount(stage, DISK_KIB);
    disk.remount("ro");
    let outcome = on_this_disk(stage, known, "read-only", || disk.remount("rw"))?;
    let is_boot = known.step.name == "boot";
    hold(!is_boot || outcome == Outcome::After, || "nothing was loaded at a read-only boot".into())?;
    Ok(outcome)
}

/// The directory is gone, with all that it said.
pub(crate) fn no_directory(stage: &Stage, known: &Known) -> Result<Outcome, String> {
    known.step.begin(stage);
    let _ = fs::remove_dir_all(stage.state(""));
    damaged(stage, known, "without a state directory")
}

/// A file of it holds something else. Its files by the mutations.
pub(crate) fn garbled(stage: &Stage, known: &Known, case: usize) -> Result<Outcome, String> {
    let (file, (word, mutate)) = (&known.files[case / MUTATIONS.len()], MUTATIONS[case % MUTATIONS.len()]);
    known.step.begin(stage);
    let content = fs::read(file).map_err(|e| e.to_string())?;
    fs::write(file, mutate(&content)).map_err(|e| e.to_string())?;
    damaged(stage, known, &format!("{} holds: {word}", file.display()))
}

/// Done whole or not at all, told in words, and repaired as it says.
fn damaged(stage: &Stage, known: &Known, what: &str) -> Result<Outcome, String> {
    let finished = stage.node().run(known.step.arguments);
    let holds = || {
        let view = View::of(&stage.held());
        let places = known.places.iter().zip(OUTCOMES);
        let places = places.chain(known.fallback.iter().map(|place| (place, Outcome::Fallback)));
        let found = { places }.find(|(place, _)| place.view.reached() == view.reached());
        let (place, outcome) = found.ok_or_else(|| known.after().view.differences(&view))?;
        let stands = stage.stands()?;
        hold(stands == place.stands, || format!("packets find {stands:?}"))?;
        hold(matches!(finished.code(), Some(0 | 2..=5)), || "it blames itself".into())?;
        let is_told =
            finished.code() == Some(3) && finished.stderr().contains("in force instead: the fallback");
        hold((outcome == Outcome::Fallback) == is_told, || "what it says of a fallback is not so".into())?;
        let status = stage.node().run(&["status"]);
        hold(status.stdout().contains(view.word()) || status.code() == Some(3), || described(&status))?;
        repaired(stage)?;
        Ok(outcome)
    };
    holds().map_err(|wrong: String| format!("{}: {what}\n{wrong}\n{}", known.step.name, described(&finished)))
}

/// In words, and how it is made of what the file held.
type Mutation = (&'static str, fn(&[u8]) -> Vec<u8>);

/// What a file may have become.
pub(crate) const MUTATIONS: [Mutation; 12] = [
    ("empty", |_| Vec::new()),
    ("one byte", |bytes| bytes[..1].to_vec()),
    ("a few bytes", |bytes| bytes[..bytes.len().min(20)].to_vec()),
    ("its first line", |bytes| line(bytes).to_vec()),
    ("half", |bytes| bytes[..bytes.len() / 2].to_vec()),
    ("all but one byte", |bytes| bytes[..bytes.len() - 1].to_vec()),
    ("one byte more", |bytes| [bytes, b"x"].concat()),
    ("twice", |bytes| [bytes, bytes].concat()),
    ("zeros", |bytes| vec![0; bytes.len()]),
    ("noise", |bytes| bytes.iter().map(|b| b.wrapping_mul(31).rotate_left(3) ^ 0xa5).collect()),
    ("one bit", |bytes| {
        let mut bytes = bytes.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    }),
    ("of a newer version", |bytes| {
        let newer = [("rolewall-ruleset 1", "rolewall-ruleset 2"), ("\"format\": 1", "\"format\": 2")];
        newer.iter().fold(bytes.to_vec(), |bytes, (old, new)| replaced(&bytes, old, new))
    }),
];

fn line(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1);
    &bytes[..end]
}

fn replaced(bytes: &[u8], old: &str, new: &str) -> Vec<u8> {
    match bytes.windows(old.len()).position(|window| window == old.as_bytes()) {
        Some(at) => [&bytes[..at], new.as_bytes(), &bytes[at + old.len()..]].concat(),
        None => bytes.to_vec(),
    }
}

/// What the program says is to be done about a damaged file is done; then the sip role can be put in force for good,
/// and a boot brings it back.
fn repaired(stage: &Stage) -> Result<(), String> {
    let node = stage.node();
    stage.become_role("sip");
    let apply = ["apply", "--final", "--rebuild", "--force"];
    let mut finished = node.run(&apply);
    if finished.stderr().contains("written by a newer rolewall") {
        fs::remove_file(stage.state("notes.json")).map_err(|e| e.to_string())?;
        finished = node.run(&apply);
    }
    if let Some((from, to)) = told_to_move(&finished.stderr()) {
        let seen = |path: &str| stage.directory().join(Path::new(path).strip_prefix(node.files()).unwrap());
        fs::rename(seen(&from), seen(&to)).map_err(|e| e.to_string())?;
        finished = node.run(&apply);
    }
    hold(finished.code() == Some(0), || described(&finished))?;
    hold(stage.stands()? == Stands::Sip, || "it does not filter as it says".into())?;
    let status = node.run(&["status"]);
    hold(status.code() == Some(0), || described(&status))?;
    let view = View::of(&stage.held()).ours();
    stage.forget();
    let booted = node.run(&["boot"]);
    hold(View::of(&stage.held()) == view, || format!("not after a boot: {}", described(&booted)))
}

/// `mv FROM TO`, as a help says it.
fn told_to_move(stderr: &str) -> Option<(String, String)> {
    let (_, command) = stderr.split_once("mv ")?;
    let mut words = command.split_whitespace();
    Some((words.next()?.to_owned(), words.next()?.to_owned()))
}

#[test]
fn a_file_is_where_a_directory_should_be() {
    if !can_run() {
        return;
    }
    let stage = Stage::new();
    let before = View::of(&stage.held());
    let directory: PathBuf = stage.state("");
    fs::remove_dir_all(&directory).unwrap();
    fs::write(directory.parent().unwrap().join("rolewall"), "").unwrap();
    stage.become_role("sip");
    for arguments in [&["apply"][..], &["apply", "--final"], &["disable"], &["revert"], &["janitor"]] {
        let finished = stage.node().run(arguments);
        assert_eq!(finished.code(), Some(3), "{}", described(&finished));
        assert!(finished.stderr().contains("var/lib/rolewall"), "{}", described(&finished));
        assert_eq!(View::of(&stage.held()), before, "{}", described(&finished));
    }
}
