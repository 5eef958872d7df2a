//! What Linux did with crafted packets under public rulesets, where a checkout of them lies beside this one:
//! the ruleset is loaded, read back, and each packet judged. They are other people's, so that they are not
//! kept here.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use rolewall_kernel::Nft;
use rolewall_ruleset::flow::{CtState, Direction, L4};
use rolewall_ruleset::judge::{Environment, Hooks, Judge, Judged};
use rolewall_ruleset::{Flow, Ruleset};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::in_namespace;

fn folder() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases");
    std::env::var_os("ROLEWALL_PUBLIC_RULESETS").map_or(beside, PathBuf::from)
}

/// One recording: a ruleset, a hook, and what became of packets.
struct Recording {
    path: PathBuf,
    header: Value,
    lines: Vec<String>,
}

fn recordings() -> Vec<Recording> {
    let mut found = Vec::new();
    let mut folders = vec![folder().join("verdicts")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "tsv") {
                let text = fs::read_to_string(&path).unwrap();
                let mut lines = text.lines().map(str::to_owned);
                let header = serde_json::from_str(lines.next().unwrap().trim_start_matches("# ")).unwrap();
                found.push(Recording { path, header, lines: lines.skip(1).collect() });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

impl Recording {
    fn text(&self, key: &str) -> Option<&str> {
        self.header[key].as_str()
    }

    /// Loads the ruleset, and reads what the kernel then holds.
    fn ruleset(&self) -> Ruleset {
        for interface in self.header["interfaces"].as_array().unwrap() {
            let name = interface.as_str().unwrap();
            let peer = format!("p{name}");
            let link = ["link", "add", name, "type", "veth", "peer", "name", &peer];
            assert!(Command::new("ip").args(link).status().unwrap().success());
        }
        match self.text("loaded_file") {
            Some(name) => {
                let mut restore = Command::new("iptables-nft-restore");
                let file = fs::File::open(self.path.with_file_name(name)).unwrap();
                assert!(restore.stdin(Stdio::from(file)).status().unwrap().success(), "{name}");
            }
            None => {
                let path = self.text("ruleset_file").unwrap().trim_start_matches("shareable/");
                support::nft_load(&fs::read_to_string(folder().join(path)).unwrap());
            }
        }
        Nft::open().unwrap().read_ruleset().unwrap()
    }

    /// Lines on which the judge says otherwise, or does not know.
    fn disagreements(&self, ruleset: &Ruleset) -> Vec<String> {
        let wrong = self.lines.iter().filter_map(|line| {
            let (flow, passed) = self.packet(line);
            let local = match flow.direction {
                Direction::In => [flow.src, flow.dst].into(),
                _ => [].into(),
            };
            let environment = Environment {
                hooks: Hooks::Whole,
                local: Some(local),
                bridged: Some(false),
                ..Environment::default()
            };
            let judge = Judge::new(ruleset).with(environment);
            let judgement = judge.flow(&flow);
            let agrees = match judgement.verdict {
                Judged::Accept => passed,
                Judged::Drop | Judged::Reject => !passed,
                Judged::May => false,
            };
            let by = judgement.decided_by.map(|step| format!("{} {:?}", step.text(), step.outcome));
            (!agrees).then(|| format!("{line}\n    judged {:?} by {by:?}", judgement.verdict))
        });
        wrong.collect()
    }

    /// The packet of a line, and whether it passed.
    fn packet(&self, line: &str) -> (Flow, bool) {
        let [iif, src, dst, proto, sport, dport, l4, _, ct, verdict] =
            line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let direction = if self.text("hook") == Some("forward") { Direction::Forward } else { Direction::In };
        let l4 = transport(proto, (sport, dport), l4);
        let mut flow = Flow::first(direction, src.parse().unwrap(), dst.parse().unwrap(), l4);
        flow.iif = Some(iif.to_owned());
        flow.oif = self.text("oif").map(str::to_owned);
        flow.ct = match ct {
            "new" => CtState::New,
            "est" => CtState::Established,
            "inv" => CtState::Invalid,
            other => panic!("{other}"),
        };
        (flow, verdict == "accept")
    }
}

fn transport(proto: &str, (sport, dport): (&str, &str), l4: &str) -> L4 {
    let port = |word: &str| word.parse().unwrap();
    let icmp = || {
        let (kind, code) = l4.split_once('/').unwrap();
        (kind.parse().unwrap(), code.parse().unwrap())
    };
    match proto {
        "tcp" => L4::Tcp { sport: port(sport), dport: port(dport), flags: flags(l4) },
        "udp" => L4::Udp { sport: port(sport), dport: port(dport) },
        "icmp" => {
            let (kind, code) = icmp();
            L4::Icmp { kind, code }
        }
        "icmpv6" => {
            let (kind, code) = icmp();
            L4::Icmpv6 { kind, code }
        }
        number => L4::Other(number.parse().unwrap()),
    }
}

/// TCP's flags (RFC 9293, section 3.1) by the recordings' words.
fn flags(word: &str) -> u8 {
    match word {
        "syn" => 0x02,
        "ack" => 0x10,
        "synack" => 0x12,
        "synfin" => 0x03,
        "finack" => 0x11,
        "rst" => 0x04,
        "xmas" => 0x29,
        "null" => 0x00,
        other => panic!("{other}"),
    }
}

#[test]
fn recorded_packets_are_judged_as_linux_did() {
    if !folder().join("verdicts").is_dir() {
        println!("{} is not here: recorded packets were not judged", folder().display());
        return;
    }
    let (mut agreeing, mut wrong) = (0, Vec::new());
    for recording in recordings() {
        let mut found = Vec::new();
        in_namespace(|| found = recording.disagreements(&recording.ruleset()));
        let name = recording.path.file_name().unwrap().to_string_lossy().into_owned();
        let (all, unlike) = (recording.lines.len(), found.len());
        println!("{name}: {} of {all} agree", all - unlike);
        if recording.header["stateful"] == Value::Bool(true) {
            println!("  which depends on what came before\n  {}", found.join("\n  "));
        } else {
            agreeing += all - unlike;
            wrong.extend(found.into_iter().map(|line| format!("{name}: {line}")));
        }
    }
    println!("{agreeing} packets are judged as Linux did");
    assert!(wrong.is_empty(), "{} are not:\n{}", wrong.len(), wrong.join("\n"));
}
