//! One process, measured: its wall time, its CPU and its peak memory.
//! Not here: which process.
//!
//! Linux counts towards the peak memory of a program what the process had before it became that program,
//! so one that is started by a large bench would seem large. This program starts itself anew as a small
//! process, which starts the program, waits with wait4(2), and prints the figures.

use crate::Outcome;
use rolewall_lab::Host;
use std::ffi::OsString;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4;

/// The first argument by which this program knows that it is the small process.
const AS_CHILD: &str = "measured-child";

/// A run of one side at 10,000 nodes takes a second or so, and iptables one by one minutes.
const TIMEOUT: Duration = Duration::from_secs(600);

/// What one process cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// From before it was started until it was waited for.
    pub(crate) wall_s: f64,
    /// In user and in kernel mode, of all its threads and children.
    pub(crate) cpu_s: f64,
    /// The largest resident set of itself or of one of its children.
    pub(crate) peak_mib: f64,
}

/// Runs a command in a host to its successful end.
pub(crate) fn measure(host: &Host, command: &[String]) -> Outcome<Cost> {
    let child = host.command(std::env::current_exe()?).arg(AS_CHILD).args(command).env("LC_ALL", "C");
    let finished = child.timeout(TIMEOUT).run()?;
    let line = finished.ok()?;
    let figures: Vec<f64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [wall_s, cpu_s, peak_mib] = figures[..] else {
        return Err(format!("the measured child of `{}` printed {line:?}", command.join(" ")).into());
    };
    Ok(Cost { wall_s, cpu_s, peak_mib })
}

/// What this program does when it is the small process; none if it is not.
pub(crate) fn as_child() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != AS_CHILD {
        return None;
    }
    let command: Vec<OsString> = arguments.collect();
    let (program, arguments) = command.split_first()?;
    Some(match run(program, arguments) {
        Ok((cost, code)) => {
            println!("{:.9} {:.9} {:.6}", cost.wall_s, cost.cpu_s, cost.peak_mib);
            code
        }
        Err(error) => {
            eprintln!("{}: {error}", program.to_string_lossy());
            ExitCode::from(127)
        }
    })
}

fn run(program: &OsString, arguments: &[OsString]) -> std::io::Result<(Cost, ExitCode)> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    let started = Instant::now();
    let used = command.spawn()?.wait4()?;
    let wall_s = started.elapsed().as_secs_f64();
    let cpu_s = (used.rusage.utime + used.rusage.stime).as_secs_f64();
    let code = used.status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(126);
    // The crate gives bytes on Linux, of the kernel's KiB.
    Ok((
        Cost { wall_s, cpu_s, peak_mib: used.rusage.maxrss as f64 / f64::from(1 << 20) },
        ExitCode::from(code),
    ))
}
