//! `detect`: what a host serves, by its files and its sockets, beside `ss -tulpn`, which asks the sockets alone.
//! Not here: whether what is found is right; tests hold that.

use crate::Outcome;
use crate::child::{self, Cost};
use crate::cli::{Cli, DetectOptions};
use crate::report::{Table, ratio, spread_ms};
use crate::stats::{median, pairwise};
use rolewall_lab::{Host, HostSpec, Lab, Running};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Configuration of every program that is read, as hosts have it: the cases of the crate that reads them.
const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/evidence/tests/cases");

/// The first port of those that only stand for sockets.
const PORTS_FROM: u16 = 10_000;

/// The first argument by which this program knows that it is to hold sockets open, and its word when it does.
const AS_HOLDER: &str = "sockets-holder";
const OPEN: &str = "open";

/// It ends with the host, long before this.
const HOLDER_TIMEOUT: Duration = Duration::from_secs(3600);

const COLUMNS: [&str; 7] = [
    "sockets",
    "files",
    "side",
    "wall ms (min..max)",
    "CPU ms",
    "peak MiB",
    "wall: rolewall / it (of pairs)",
];

pub(crate) fn run(cli: &Cli, options: &DetectOptions) -> Outcome<()> {
    crate::machine::print(cli)?;
    let rolewall = cli.rolewall()?.display().to_string();
    let mut table = Table::new(&COLUMNS);
    for sockets in &options.sockets {
        let lab = lab()?;
        let host = lab.host("node")?;
        let files = install(host)?;
        let _holder = listen(host, *sockets)?;
        let directory = host.files().display().to_string();
        let ours = [&rolewall, "--files", &directory, "detect", "--json"].map(str::to_owned);
        let theirs = ["ss", "-tulpn"].map(str::to_owned);
        let (ours, theirs) = in_turn(host, options.runs, &ours, &theirs)?;
        let wall = |costs: &[Cost]| costs.iter().map(|c| c.wall_s).collect::<Vec<_>>();
        let by_median = ratio(median(&wall(&ours)) / median(&wall(&theirs)));
        let by_pair = ratio(pairwise(&wall(&ours), &wall(&theirs)));
        table.row(row(*sockets, &files.to_string(), "rolewall detect", &ours, "-"));
        table.row(row(*sockets, "none", "ss -tulpn", &theirs, &format!("{by_median} ({by_pair})")));
    }
    table.print();
    Ok(())
}

fn lab() -> Outcome<Lab> {
    let spec = HostSpec::new("node").plug("wire", "eth0", &["192.0.2.11/24", "2001:db8::11/64"])?;
    Ok(Lab::builder().network("wire").host(spec).up()?)
}

/// The first case of every program, laid over each other as the files of one host; says how many.
fn install(host: &Host) -> Outcome<usize> {
    let mut files = 0;
    for program in listed(Path::new(CASES))? {
        if let Some(case) = listed(&program)?.first() {
            files += copy(host, &case.join("root"), Path::new("/"))?;
        }
    }
    Ok(files)
}

fn copy(host: &Host, from: &Path, to: &Path) -> Outcome<usize> {
    let mut files = 0;
    for path in listed(from)? {
        let to = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            files += copy(host, &path, &to)?;
        } else {
            host.write(&to, fs::read(&path)?)?;
            files += 1;
        }
    }
    Ok(files)
}

fn listed(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// A process of the host's own holds them, so that both sides find it.
fn listen(host: &Host, sockets: u16) -> Outcome<Running> {
    let holder = host.command(std::env::current_exe()?).arg(AS_HOLDER).arg(sockets.to_string());
    let mut running = holder.timeout(HOLDER_TIMEOUT).spawn()?;
    running.wait_for(OPEN, Duration::from_secs(60))?;
    Ok(running)
}

/// What this program does when it is the process that holds the sockets; none if it is not.
pub(crate) fn as_holder() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let sockets = arguments.next().filter(|word| word == AS_HOLDER).and(arguments.next())?.parse().ok()?;
    match open(sockets) {
        Ok(_held) => {
            println!("{OPEN}");
            std::thread::sleep(HOLDER_TIMEOUT);
            Some(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("{error}");
            Some(ExitCode::from(3))
        }
    }
}

/// A quarter each TCP and UDP, of IPv4 and IPv6.
fn open(sockets: u16) -> std::io::Result<(Vec<TcpListener>, Vec<UdpSocket>)> {
    let (mut tcp, mut udp) = (Vec::new(), Vec::new());
    for port in PORTS_FROM..PORTS_FROM + sockets / 4 {
        for address in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)] {
            tcp.push(TcpListener::bind((address, port))?);
            udp.push(UdpSocket::bind((address, port))?);
        }
    }
    Ok((tcp, udp))
}

/// One of each that does not count, then in turn.
fn in_turn(host: &Host, runs: usize, a: &[String], b: &[String]) -> Outcome<(Vec<Cost>, Vec<Cost>)> {
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    for run in 0..=runs {
        let (one, other) = (child::measure(host, a)?, child::measure(host, b)?);
        if run > 0 {
            of_a.push(one);
            of_b.push(other);
        }
    }
    Ok((of_a, of_b))
}

fn row(sockets: u16, files: &str, side: &str, costs: &[Cost], ratio: &str) -> Vec<String> {
    let of = |figure: fn(&Cost) -> f64| costs.iter().map(figure).collect::<Vec<_>>();
    vec![
        sockets.to_string(),
        files.to_owned(),
        side.to_owned(),
        spread_ms(&of(|c| c.wall_s)),
        crate::report::ms(median(&of(|c| c.cpu_s))),
        format!("{:.1}", median(&of(|c| c.peak_mib))),
        ratio.to_owned(),
    ]
}
