//! The `ip` command of iproute2 inside a namespace: one process for a whole batch of commands.
//! Not here: which commands; and never a command in the machine's own namespace.

use rolewall_kernel::{NetNs, NetNsError};
use std::io::{self, Write};
use std::process::{Child, Command, Stdio};

/// Directories of system tools that the PATH of a service or of sudo may lack.
const SYSTEM_DIRECTORIES: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin";

/// Why a batch of `ip` commands did not do.
#[derive(Debug, thiserror::Error)]
pub enum IpError {
    /// There is no `ip`.
    #[error("{place}: starting `ip`: {source}; it is part of the package iproute2 (iproute on RPM systems)")]
    Start {
        /// Whose namespace it was for.
        place: String,
        /// What the system said.
        source: io::Error,
    },
    /// It could not be spoken to.
    #[error("{place}: speaking to `ip -batch -`: {source}")]
    Speak {
        /// Whose namespace it was for.
        place: String,
        /// What the system said.
        source: io::Error,
    },
    /// It refused a command.
    #[error("{place}: `ip {command}` failed: {stderr}")]
    Refused {
        /// Whose namespace it was for.
        place: String,
        /// The command that was refused, as far as `ip` says which.
        command: String,
        /// What `ip` printed.
        stderr: String,
    },
    /// Its namespace could not be entered.
    #[error("{place}: {source}")]
    NetNs {
        /// Whose namespace it was for.
        place: String,
        /// Why.
        source: NetNsError,
    },
}

/// A batch that `ip` is working on.
pub(crate) struct Batch {
    place: String,
    script: String,
    child: Child,
}

/// Starts `script`, one command of `ip` a line, in `namespace`; `place` names it in errors.
pub(crate) fn start(place: String, namespace: &NetNs, script: String) -> Result<Batch, IpError> {
    let spawned = namespace.run(|| command().spawn());
    let spawned = spawned.map_err(|source| IpError::NetNs { place: place.clone(), source })?;
    let mut child = spawned.map_err(|source| IpError::Start { place: place.clone(), source })?;
    // A refused command ends `ip` early: what it printed then says more than our broken pipe.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(script.as_bytes()));
    Ok(Batch { place, script, child })
}

/// Waits until all batches are done, and gives what each printed; the first that failed is the error.
pub(crate) fn finish_all(batches: Vec<Batch>) -> Result<Vec<String>, IpError> {
    let results: Vec<_> = batches.into_iter().map(Batch::finish).collect();
    results.into_iter().collect()
}

fn command() -> Command {
    let mut command = Command::new("ip");
    command.args(["-oneline", "-batch", "-"]).env("PATH", tool_path()).env("LC_ALL", "C");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Our PATH, and after it the directories where a system's tools are.
pub(crate) fn tool_path() -> String {
    std::env::var("PATH").map_or(SYSTEM_DIRECTORIES.to_owned(), |own| format!("{own}:{SYSTEM_DIRECTORIES}"))
}

impl Batch {
    fn finish(self) -> Result<String, IpError> {
        let Batch { place, script, child } = self;
        let output = child.wait_with_output();
        let output = output.map_err(|source| IpError::Speak { place: place.clone(), source })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let command = refused_line(&script, &stderr).unwrap_or("-batch -").to_owned();
        Err(IpError::Refused { place, command, stderr: stderr.replace('\n', "; ") })
    }
}

/// The line that `Command failed -:N` is about.
fn refused_line<'s>(script: &'s str, stderr: &str) -> Option<&'s str> {
    let number: String = stderr.split("-:").nth(1)?.chars().take_while(char::is_ascii_digit).collect();
    script.lines().nth(number.parse::<usize>().ok()?.checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_error_names_the_line_of_the_batch() {
        let script = "link set lo up\nlink set eth9 up\n";
        let stderr = "Cannot find device \"eth9\"\nCommand failed -:2";
        assert_eq!(super::refused_line(script, stderr), Some("link set eth9 up"));
        assert_eq!(super::refused_line(script, "no line"), None);
    }
}
