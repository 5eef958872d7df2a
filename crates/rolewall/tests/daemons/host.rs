//! A Debian host in a namespace, on which one daemon runs: `/etc` and `/var` are the machine's, and what is
//! written to them goes with the host.

use crate::support::can_run;
use crate::support::program::{PATIENCE, ROLEWALL};
use rolewall_lab::{Host, HostSpec, Lab, Running};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Longer than any daemon takes to open its sockets on a busy machine.
const START_WITHIN: Duration = Duration::from_secs(120);

/// What is written goes to a tmpfs.
const LAYERS: &str = "set -e
for directory in etc var; do
  mkdir -p /run/layers/$directory/over /run/layers/$directory/work
  mount -t overlay overlay \
    -o lowerdir=/$directory,upperdir=/run/layers/$directory/over,workdir=/run/layers/$directory/work /$directory
done
rm -f /etc/resolv.conf";

/// A daemon, its configuration, and how it is started.
pub(crate) struct Daemon<'a> {
    /// Its programs, as detect calls them.
    pub(crate) services: &'a [&'a str],
    /// Files that replace the package's.
    pub(crate) files: &'a [(&'a str, &'a str)],
    /// A shell's words: in the foreground.
    pub(crate) start: &'a str,
}

/// Endpoints: protocol, address, port.
type Opened = BTreeSet<(String, String, String)>;

impl Daemon<'_> {
    /// Starts it, and holds what detect says against what `ss` says.
    #[track_caller]
    pub(crate) fn opens_what_is_read(&self) {
        if !can_run() {
            return;
        }
        let lab = lab();
        let host = lab.host("node").unwrap();
        let mut running = self.start(host);
        let deadline = Instant::now() + START_WITHIN;
        let mut before = None;
        loop {
            let read = self.read(host);
            let mut opened = listening(host);
            opened.retain(|socket| read.contains(socket) || !is_a_clients(socket));
            if read == opened && before.as_ref() == Some(&opened) {
                return;
            }
            let is_over = Instant::now() > deadline || !running.is_alive();
            assert!(!is_over, "{}", self.difference(host, &running, &read, &opened));
            before = Some(opened);
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    fn start(&self, host: &Host) -> Running {
        sh(host, LAYERS);
        for (path, content) in self.files {
            let write = format!("mkdir -p \"$(dirname {path})\" && rm -f {path} && cat > {path}");
            host.command("sh").args(["-c", &write]).stdin(*content).run().unwrap().ok().unwrap();
        }
        let command = host.command("sh").args(["-c", self.start]).timeout(START_WITHIN * 2);
        command.spawn().unwrap()
    }

    /// What its files say, media ranges left out: their sockets come with calls.
    fn read(&self, host: &Host) -> Opened {
        let document = detect(host);
        let mine = |e: &&Value| {
            let is_its = self.services.iter().any(|service| e["service"] == *service);
            e["configured"] == true && is_its
        };
        let endpoints = document["endpoints"].as_array().unwrap().iter().filter(mine);
        endpoints.flat_map(each_port).collect()
    }

    fn difference(&self, host: &Host, running: &Running, read: &Opened, opened: &Opened) -> String {
        let document = detect(host);
        format!(
            "read and not opened: {:?}\nopened and not read: {:?}\nunresolved: {}\nerrors: {}\n{}\n{}",
            read.difference(opened).collect::<Vec<_>>(),
            opened.difference(read).collect::<Vec<_>>(),
            document["unresolved"],
            document["errors"],
            running.stdout(),
            running.stderr()
        )
    }
}

/// An endpoint for each port; none of a media range.
fn each_port(endpoint: &Value) -> Vec<(String, String, String)> {
    const OWN_PORTS_MAX: u16 = 64;
    let text = |key: &str| endpoint[key].as_str().unwrap().to_owned();
    let ports = text("ports");
    let (first, last) = ports.split_once('-').unwrap_or((&ports, &ports));
    let ports = first.parse::<u16>().unwrap()..=last.parse::<u16>().unwrap();
    let is_media = ports.len() > OWN_PORTS_MAX.into();
    let ports = ports.filter(|_| !is_media);
    ports.map(|port| (text("proto"), text("address"), port.to_string())).collect()
}

/// One host with addresses of both families.
pub(crate) fn lab() -> Lab {
    let spec = HostSpec::new("node").plug("public", "eth0", &["192.0.2.11/24", "2001:db8::11/64"]).unwrap();
    let spec = spec.plug("private", "eth1", &["10.20.0.11/16", "fd20::11/64"]).unwrap();
    Lab::builder().network("public").network("private").host(spec).up().unwrap()
}

pub(crate) fn sh(host: &Host, script: &str) {
    host.command("sh").args(["-c", script]).run().unwrap().ok().unwrap();
}

fn detect(host: &Host) -> Value {
    let finished = host.command(ROLEWALL).args(["detect", "--json"]).timeout(PATIENCE).run().unwrap();
    serde_json::from_slice(&finished.stdout).unwrap_or_else(|e| panic!("{e}: {}", finished.stderr()))
}

/// Whether it may be a client's that has sent nothing yet, as Erlang's resolver and its log to syslog have one:
/// UDP on a port of Linux's choice (its ephemeral range begins at 32768). No file tells of it.
fn is_a_clients((proto, _, port): &(String, String, String)) -> bool {
    const EPHEMERAL_FIRST: u16 = 32_768;
    proto == "udp" && port.parse().is_ok_and(|port: u16| port >= EPHEMERAL_FIRST)
}

/// What Linux says, by another program than ours.
fn listening(host: &Host) -> Opened {
    let text = host.command("ss").args(["-H", "-l", "-n", "-t", "-u"]).run().unwrap().ok().unwrap();
    let socket = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (address, port) = words[4].rsplit_once(':').unwrap();
        let address = address.split('%').next().unwrap().trim_matches(['[', ']']);
        (words[0].to_owned(), address.to_owned(), port.to_owned())
    };
    text.lines().map(socket).collect()
}
