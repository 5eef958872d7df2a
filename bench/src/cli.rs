//! The command line.
//! Not here: what the commands do.

use crate::Outcome;
use crate::peers::Peer;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// What Rolewall costs beside nft and others, measured side by side on this machine. Needs root and nft.
#[derive(Debug, Parser)]
#[command(name = "rolewall-bench", max_term_width = 100)]
pub(crate) struct Cli {
    /// The rolewall to be measured [default: the one beside this program]
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) rolewall: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Whole processes that load the whole policy: wall, CPU, peak memory
    Apply(ApplyOptions),
    /// One node joins: whole processes, and the transaction alone
    Join(JoinOptions),
    /// What a host serves, by its files and sockets, beside ss
    Detect(DetectOptions),
    /// What becomes of one flow on a loaded host, beside nft list ruleset
    Explain(ExplainOptions),
    /// A proof over all flows: of one node, of the whole cluster, and the matrix
    Verify(VerifyOptions),
    /// Packets that are lost or wrongly admitted while the policy is loaded again and again
    Replace(ReplaceOptions),
    /// CPU that a packet costs the node, by ruleset
    Path(PathOptions),
    /// Write the files that each side loads below DIR, to be looked at
    Files(FilesOptions),
}

/// `files`
#[derive(Debug, Args)]
pub(crate) struct FilesOptions {
    /// Nodes in the cluster
    #[arg(long, default_value_t = 10)]
    pub(crate) nodes: usize,
    /// Where: a directory for each side is made in it
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
}

/// `apply`
#[derive(Debug, Args)]
pub(crate) struct ApplyOptions {
    /// Nodes in the cluster
    #[arg(long, value_delimiter = ',', default_values_t = [10, 100, 1000, 10_000])]
    pub(crate) nodes: Vec<usize>,
    /// Loads on a host that is loaded already, of each side in turn
    #[arg(long, default_value_t = 21)]
    pub(crate) runs: usize,
    /// Loads on a fresh host
    #[arg(long, default_value_t = 5)]
    pub(crate) cold: usize,
    /// Whom to measure beside Rolewall; the first one is what ratios are to
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Peer::NftRolemap])]
    pub(crate) peers: Vec<Peer>,
    /// Where the hosts' files are
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Place::Tmpfs, Place::Disk])]
    pub(crate) places: Vec<Place>,
    /// Do not check with real flows that both sides judge the same
    #[arg(long)]
    pub(crate) no_flows: bool,
}

/// `join`
#[derive(Debug, Args)]
pub(crate) struct JoinOptions {
    /// Nodes in the cluster before the one that joins
    #[arg(long, value_delimiter = ',', default_values_t = [10, 1000, 10_000])]
    pub(crate) nodes: Vec<usize>,
    /// Nodes that join, one after the other, on each side in turn
    #[arg(long, default_value_t = 21)]
    pub(crate) runs: usize,
    /// Transactions of one element that are measured alone
    #[arg(long, default_value_t = 200)]
    pub(crate) transactions: usize,
    /// Where the hosts' files are
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Place::Tmpfs, Place::Disk])]
    pub(crate) places: Vec<Place>,
}

/// `explain`
#[derive(Debug, Args)]
pub(crate) struct ExplainOptions {
    /// Nodes in the cluster
    #[arg(long, value_delimiter = ',', default_values_t = [10, 1000, 10_000])]
    pub(crate) nodes: Vec<usize>,
    /// Runs of each command, in turn
    #[arg(long, default_value_t = 21)]
    pub(crate) runs: usize,
}

/// `detect`
#[derive(Debug, Args)]
pub(crate) struct DetectOptions {
    /// Sockets that are open on the host: a quarter each TCP and UDP of IPv4 and IPv6
    #[arg(long, value_delimiter = ',', default_values_t = [40, 2000])]
    pub(crate) sockets: Vec<u16>,
    /// Runs of each side, in turn
    #[arg(long, default_value_t = 21)]
    pub(crate) runs: usize,
}

/// `verify`
#[derive(Debug, Args)]
pub(crate) struct VerifyOptions {
    /// Nodes in the cluster of which one is verified
    #[arg(long, value_delimiter = ',', default_values_t = [10, 1000, 10_000])]
    pub(crate) nodes: Vec<usize>,
    /// Elements of its sets at the least, denied networks included
    #[arg(long, default_value_t = 100_000)]
    pub(crate) elements: usize,
    /// Nodes in the cluster of which all are verified
    #[arg(long, value_delimiter = ',', default_values_t = [10, 100, 1000, 10_000])]
    pub(crate) cluster: Vec<usize>,
    /// Runs of each
    #[arg(long, default_value_t = 11)]
    pub(crate) runs: usize,
}

/// `replace`
#[derive(Debug, Args)]
pub(crate) struct ReplaceOptions {
    /// Nodes in the cluster
    #[arg(long, default_value_t = 1000)]
    pub(crate) nodes: usize,
    /// Loads during each kind of traffic
    #[arg(long, default_value_t = 200)]
    pub(crate) loads: usize,
    /// Swaps in one process during each kind of traffic
    #[arg(long, default_value_t = 1000)]
    pub(crate) swaps: usize,
    /// Packets a second
    #[arg(long, default_value_t = 50_000)]
    pub(crate) rate_pps: u32,
    /// New TCP connections a second
    #[arg(long, default_value_t = 1000)]
    pub(crate) connections_per_s: u32,
    /// Whose way of replacing
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Way::Rolewall, Way::Swap, Way::Nft])]
    pub(crate) ways: Vec<Way>,
    /// Kinds of traffic
    #[arg(long, value_delimiter = ',', value_enum,
          default_values_t = [Traffic::Established, Traffic::New, Traffic::Role, Traffic::Forbidden, Traffic::Tcp])]
    pub(crate) traffic: Vec<Traffic>,
}

/// `path`
#[derive(Debug, Args)]
pub(crate) struct PathOptions {
    /// Nodes in the cluster
    #[arg(long, value_delimiter = ',', default_values_t = [10, 1000, 10_000])]
    pub(crate) nodes: Vec<usize>,
    /// Rounds over all rulesets, of each kind of packet
    #[arg(long, default_value_t = 31)]
    pub(crate) rounds: usize,
    /// Packets of one round and ruleset
    #[arg(long, default_value_t = 5000)]
    pub(crate) packets: usize,
    /// The CPU to stay on [default: the last]
    #[arg(long)]
    cpu: Option<usize>,
}

impl PathOptions {
    pub(crate) fn cpu(&self) -> usize {
        let last = || std::thread::available_parallelism().map_or(0, |cpus| cpus.get() - 1);
        self.cpu.unwrap_or_else(last)
    }
}

/// How a ruleset is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// rolewall apply --final --rebuild
    Rolewall,
    /// The same transactions from one process, without the work around them
    Swap,
    /// nft -f of a file that deletes the table and adds it again
    Nft,
}

/// What the node gets meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Traffic {
    /// Datagrams of one flow that the node has answered
    Established,
    /// A new flow with each datagram, to a public port
    New,
    /// A new flow with each datagram, to a port for nodes of one role
    Role,
    /// A new flow with each datagram, to a port that nobody may use
    Forbidden,
    /// New TCP connections to a public port
    Tcp,
}

/// Where a host's files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Place {
    /// In memory
    Tmpfs,
    /// Below /var/tmp
    Disk,
}

impl Place {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Place::Tmpfs => "tmpfs",
            Place::Disk => "disk",
        }
    }
}

impl Cli {
    /// The binary to be measured, as an absolute path.
    pub(crate) fn rolewall(&self) -> Outcome<PathBuf> {
        let path = match &self.rolewall {
            Some(path) => path.clone(),
            None => std::env::current_exe()?.with_file_name("rolewall"),
        };
        std::fs::canonicalize(&path).map_err(|e| {
            format!("{}: {e}; build it with `cargo build --release -p rolewall`, or name one with --rolewall PATH", path.display())
                .into()
        })
    }
}
