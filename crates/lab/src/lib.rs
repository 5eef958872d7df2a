//! Throw-away test hosts in network namespaces, and real packets between them.
//! Not here: anything about firewalls; a lab neither writes nor reads a rule.
//!
//! ```no_run
//! use rolewall_lab::{HostSpec, Lab, Listen, Outcome, Probe};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let lab = Lab::builder()
//!     .network("private")
//!     .host(HostSpec::new("sip1").plug("private", "eth0", &["10.20.0.11/16", "fd20::11/64"])?)
//!     .host(HostSpec::new("db1").plug("private", "eth0", &["10.20.0.21/16", "fd20::21/64"])?)
//!     .up()?;
//! let (sip1, db1) = (lab.host("sip1")?, lab.host("db1")?);
//! let _server = db1.serve(Listen::new().tcp([3306]).udp([5060]))?;
//! assert_eq!(sip1.probe(&Probe::tcp("fd20::21".parse()?, 3306))?, Outcome::Open);
//! # Ok(())
//! # }
//! ```
//!
//! # What stays behind: nothing
//! Namespaces have no names; descriptors of this process hold them. The processes of a host live in a PID
//! namespace whose first process reads a pipe of ours; when this process ends, by SIGKILL too, the pipe
//! closes, that process ends, and Linux kills the rest. A host's files are a tmpfs in the host's own mount
//! namespace. The machine's own interfaces, rules, sysctls, `/run` and `/etc` are not written to. What
//! does stay is the kernel log's lines on the ports of bridges, and a raised soft limit of descriptors in
//! this process.
//!
//! # What it needs
//! Root (CAP_SYS_ADMIN and CAP_NET_ADMIN), `ip` of iproute2, `sh` and `mount`; for [`Sshd`]
//! openssh-server and openssh-client. [`ready`] says what is missing.

mod command;
mod descriptors;
mod flood;
mod host;
mod init;
mod ip;
mod lab;
mod links;
mod packet;
mod probe;
mod running;
mod serve;
mod spec;
mod ssh;
mod storm;
mod stream;
mod sysctl;
mod ticks;

pub use command::{CommandError, Finished, HostCommand};
pub use flood::{Flood, FloodError, FloodReport, FloodSpec, Flows};
pub use host::{FileError, Host};
pub use init::InitError;
pub use ip::IpError;
pub use lab::{Lab, LabBuilder, LabError, ready};
pub use links::LinksError;
pub use packet::{Packet, PacketError};
pub use probe::{Outcome, Pace, Probe, ProbeError, Shot, Unreachable};
pub use running::Running;
pub use serve::{Listen, ServeError, Server};
pub use spec::{Address, HostSpec, SpecError};
pub use ssh::{Login, SshError, Sshd};
pub use storm::{StormReport, StormSpec};
pub use stream::StreamError;
pub use ticks::{Conversation, Gap, Tick, Ticks};
