//! Whether this machine can be measured on, and the line that says what it is.
//! Not here: measurements.

use crate::Outcome;
use crate::cli::Cli;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Says what is missing before anything is set up.
pub(crate) fn ready(cli: &Cli) -> Outcome<()> {
    if !rustix::process::geteuid().is_root() {
        return Err("the bench makes network namespaces and loads rulesets into them: run it as root".into());
    }
    if find("nft").is_none() {
        return Err(
            "there is no `nft`, which everything is compared with: install the package nftables".into()
        );
    }
    rolewall_lab::ready()?;
    cli.rolewall().map(drop)
}

/// Where a program is, in PATH or in a system directory.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let directories = path.split(':').chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"]);
    directories.map(|directory| Path::new(directory).join(program)).find(|file| file.is_file())
}

/// Prints what was run, and on what.
pub(crate) fn print(cli: &Cli) -> Outcome<()> {
    let rolewall = cli.rolewall()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    println!("`cargo run --release -p rolewall-bench -- {}`", arguments.join(" "));
    println!();
    println!(
        "{}; {}; {}",
        line(),
        version(&find("nft").unwrap_or_default().display().to_string(), "--version"),
        version(&rolewall.display().to_string(), "--version")
    );
    println!();
    Ok(())
}

fn line() -> String {
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown CPU".to_owned());
    let memory_gib = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .map_or(f64::NAN, |kib| kib / f64::from(1 << 20));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // The version is what matters; what a builder appended to it is nobody's business.
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?").to_owned();
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    format!("Linux {}, {cpus} CPUs {model}, {memory_gib:.0} GiB, load {load} at the start", kernel)
}

fn field(file: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn version(program: &str, option: &str) -> String {
    let output = Command::new(program).arg(option).output();
    let text = output.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    text.unwrap_or_else(|e| format!("{program}: {e}"))
}
