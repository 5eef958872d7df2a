//! The command line: one definition feeds parser, help, completions and the man page.
//! Not here: what the commands do.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// What each exit code says; those of failures are [`crate::failure::Kind`]'s.
pub(crate) const EXIT_CODES: [(u8, &str); 7] = [
    (0, "done"),
    (1, "a difference or a finding was found"),
    (2, "the input is not usable"),
    (3, "something of this host is in the way"),
    (4, "the kernel refused"),
    (5, "a remote store or peer failed"),
    (70, "a bug of rolewall"),
];

/// Where the files are.
pub(crate) const FILES: [(&str, &str); 6] = [
    ("/etc/rolewall/cluster.toml", "the cluster's networks and nodes, the same file on every node"),
    ("/etc/rolewall/cluster.d/", "further nodes; node add writes here"),
    ("/etc/rolewall/rolewall.toml", "this node's settings"),
    ("/etc/rolewall/roles.d/", "roles of your own, and changes to those that are built in"),
    ("/etc/voipnow/local.conf", "TRUSTED_NET: networks that are never filtered"),
    ("/var/lib/rolewall/", "the candidate, what was confirmed last, and notes"),
];

fn after_help() -> String {
    let mut text = "Exit codes:\n".to_owned();
    EXIT_CODES.iter().for_each(|(code, meaning)| text += &format!("  {code:<2}  {meaning}\n"));
    text += "\nFiles:\n";
    FILES.iter().for_each(|(path, what)| text += &format!("  {path:<27}  {what}\n"));
    text
}

/// The host firewall that gives every node of a voice cluster exactly the rules its roles need.
#[derive(Debug, Parser)]
#[command(name = "rolewall", version, propagate_version = true, max_term_width = 100, after_help = after_help())]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Read every file below DIR as if it were /, and nothing of the live host; for commands that change
    /// nothing
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Keep settings, inventory and state below DIR, and work on the live kernel: for a network namespace
    /// or container whose files lie elsewhere
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "root")]
    pub(crate) files: Option<PathBuf>,
    /// Print one JSON document on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show which roles and endpoints this host has, with the evidence for each
    Detect(DetectArgs),
    /// Show what a node allows and why, and its ruleset
    Plan(PlanArgs),
    /// Show which flows would open and close against what the kernel holds, and which live flows would be cut
    Diff,
    /// Put the plan in force, in test mode unless told otherwise
    Apply(ApplyArgs),
    /// Keep the candidate that is in test mode
    Confirm(ConfirmArgs),
    /// Go back now to what was in force before the test
    Revert,
    /// Say where this host stands: off, test or confirmed
    Status,
    /// Say what becomes of a flow, by which rules, and why
    Explain(ExplainArgs),
    /// Prove that exactly the plan's flows pass, or show one that should not or does not
    Verify(VerifyArgs),
    /// Find rules that are there for nothing, wide networks, permits and listeners that do not meet
    Lint(LintArgs),
    /// Ask each endpoint what its role promises of it: TLS, STARTTLS, credentials
    ///
    /// Asks over TCP connections from this host: its own endpoints, and those of other nodes that the plan
    /// lets it reach, at most 512 of them and for a minute. Every question is read-only. Logins are tried
    /// without credentials; a server that refuses one writes a line to its log.
    Audit(AuditArgs),
    /// Take our table away and keep it away, also after a reboot
    Disable,
    /// Bring the last confirmed revision back
    Enable,
    /// Close this host to all but admin and trusted networks, at once, and keep it so after a reboot
    ///
    /// Established calls and sessions end too, in both directions, but those of admin and trusted networks. What
    /// is in force beneath stays as it is. Works from what was confirmed, also where the inventory is broken.
    /// The address of your own ssh session is let in where no admin or trusted network holds it.
    Panic(PanicArgs),
    /// Open this host again to exactly what was in force before the panic
    Resume,
    /// Admit a node that joins, or end a node that leaves, without touching anything else
    #[command(subcommand)]
    Node(NodeCommand),
    /// Play the whole story with real packets in throw-away namespaces; changes nothing of the host
    Drill(DrillArgs),
    /// Write a commented rolewall.toml and cluster.toml for this host
    Init(InitArgs),
    /// Load the last confirmed revision, as at boot
    Boot,
    /// Tidy up after a test that ended unconfirmed
    Janitor,
    /// Print shell completions
    Completions {
        /// Shell
        shell: clap_complete::Shell,
    },
    /// Print the man page
    Man,
}

/// `rolewall detect`
#[derive(Debug, Args)]
pub(crate) struct DetectArgs {
    /// Name a service's main file where it is not at a usual place
    #[arg(id = "service_file", long = "file", value_name = "SERVICE=PATH")]
    pub(crate) files: Vec<String>,
}

/// `rolewall plan`
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Another node of the inventory
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: PlanFormat,
    /// Name in the text who says so, for each permit
    #[arg(long)]
    pub(crate) sources: bool,
}

/// How a plan is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// A file that nft -f loads to the same thing
    Nft,
}

/// `rolewall apply`
#[derive(Debug, Clone, Args)]
pub(crate) struct ApplyArgs {
    /// How long the test lasts unless it is confirmed, such as 90s, 10m or 1h
    #[arg(long, value_name = "TIME", value_parser = window, conflicts_with = "final_")]
    pub(crate) window: Option<Duration>,
    /// Apply and confirm at once
    #[arg(long = "final")]
    pub(crate) final_: bool,
    /// Put other nftables filter tables to sleep while ours is in force
    #[arg(long)]
    pub(crate) take_over: bool,
    /// Apply even if it cuts the operator's own session, or an inventory that lost many nodes
    #[arg(long)]
    pub(crate) force: bool,
    /// Load a whole new revision even where nothing or only addresses differ
    #[arg(long)]
    pub(crate) rebuild: bool,
    #[command(flatten)]
    pub(crate) cut: CutArgs,
}

/// Which live flows end once a ruleset is confirmed.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct CutArgs {
    /// Once it is confirmed, end every live flow that it does not allow; without this, those of denied networks
    /// and of nodes that left
    #[arg(long)]
    pub(crate) cut: bool,
    /// End no live flow
    #[arg(long, conflicts_with = "cut")]
    pub(crate) no_cut: bool,
    /// Close the TCP sockets of flows that end, so that both sides hear of it at once; without this, those alone
    /// that would go on by what this host itself sends
    #[arg(long, conflicts_with = "no_cut")]
    pub(crate) close: bool,
}

impl CutArgs {
    /// Whether anything was said.
    pub(crate) fn is_said(&self) -> bool {
        let CutArgs { cut, no_cut, close } = *self;
        cut || no_cut || close
    }
}

/// `rolewall confirm`
#[derive(Debug, Args)]
pub(crate) struct ConfirmArgs {
    /// Confirm even over the connection that apply ran over
    #[arg(long)]
    pub(crate) same_session: bool,
    /// Cut even the operator's own session, if the ruleset does not allow it
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) cut: CutArgs,
}

/// `rolewall explain`
#[derive(Debug, Args)]
#[command(override_usage = "rolewall explain [OPTIONS] in|out|forward PROTO SRC[:PORT] DST[:PORT]\n       \
                            rolewall explain [OPTIONS] --flows FILE")]
pub(crate) struct ExplainArgs {
    /// The flow: its direction, its protocol, where it comes from and where it goes (IPv6 with port:
    /// [addr]:port)
    #[arg(
        value_names = ["in|out|forward", "PROTO", "SRC[:PORT]", "DST[:PORT]"],
        num_args = 1..,
        required_unless_present = "flows"
    )]
    pub(crate) flow: Vec<String>,
    /// Interface that the packet comes in by
    #[arg(long, value_name = "NAME")]
    pub(crate) iif: Option<String>,
    /// Interface that the packet leaves by
    #[arg(long, value_name = "NAME")]
    pub(crate) oif: Option<String>,
    /// Conntrack's state: new, established, related, invalid or untracked
    #[arg(long, value_name = "STATE")]
    pub(crate) ct: Option<String>,
    /// Judge what apply would load
    #[arg(long, conflicts_with = "live")]
    pub(crate) candidate: bool,
    /// Judge what the kernel holds
    #[arg(long)]
    pub(crate) live: bool,
    /// Exit with 1 unless this is the verdict
    #[arg(long, value_enum)]
    pub(crate) expect: Option<Expected>,
    /// Flows from FILE, one a line, as JSON or as words; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "flow")]
    pub(crate) flows: Option<PathBuf>,
}

/// `rolewall verify`
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Hold what apply would load against the plan
    #[arg(long, conflicts_with = "live")]
    pub(crate) candidate: bool,
    /// Hold what the kernel holds against the plan, other people's tables included
    #[arg(long)]
    pub(crate) live: bool,
    /// Check the assertions of FILE too, at every node that they are about: this one by what is verified,
    /// others by their plans; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) assert: Vec<PathBuf>,
    /// Prove every node's planned ruleset too, and hold both ends of each flow between nodes against each other
    #[arg(long)]
    pub(crate) cluster: bool,
    /// Print who reaches which service of the cluster instead, by the planned rulesets of all nodes
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        num_args = 0..=1,
        default_missing_value = "text",
        conflicts_with_all = ["cluster", "assert", "live", "candidate"]
    )]
    pub(crate) matrix: Option<MatrixFormat>,
}

/// How the matrix is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MatrixFormat {
    /// For people
    Text,
    /// For programs: every cell with its ports
    Json,
    /// For tables
    Csv,
}

/// `rolewall lint`
#[derive(Debug, Args)]
pub(crate) struct LintArgs {
    /// Look at the plan and what apply would load alone, and not at the tables of others
    #[arg(long)]
    pub(crate) candidate: bool,
}

/// A verdict that a script expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Expected {
    /// It passes
    Accept,
    /// It does not, and nobody is told
    Drop,
    /// It does not, and the sender is told
    Reject,
}

/// `rolewall audit`
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Ask this host's endpoints alone
    #[arg(long)]
    pub(crate) this_host: bool,
    /// Ask the services of a role, or one service; may be given several times
    #[arg(long, value_name = "ROLE|SERVICE")]
    pub(crate) only: Vec<String>,
    /// How long each connection may take, in seconds
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 3,
        value_parser = clap::value_parser!(u64).range(1..=30)
    )]
    pub(crate) timeout: u64,
    /// The name by which clients call the cluster, for TLS, HTTP and XMPP
    #[arg(long, value_name = "NAME", value_parser = domain)]
    pub(crate) domain: Option<String>,
    /// Log in with credentials that products are shipped with, too (the queue's guest)
    #[arg(long)]
    pub(crate) try_defaults: bool,
}

/// `rolewall panic`
#[derive(Debug, Args)]
pub(crate) struct PanicArgs {
    /// Let this address reach ssh besides; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admit: Vec<std::net::IpAddr>,
    /// Close even if it cuts your own session, or lets nobody in
    #[arg(long)]
    pub(crate) force: bool,
}

/// `rolewall node`
#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// Admit a node: writes it to cluster.d and adds its addresses to the sets of its roles
    Add {
        /// Its name
        name: String,
        /// An address on the private network; may be given several times
        #[arg(long, required = true, value_name = "ADDRESS")]
        private: Vec<std::net::IpAddr>,
        /// A role; may be given several times
        #[arg(long = "role", required = true, value_name = "ROLE")]
        roles: Vec<String>,
    },
    /// End a node that was added: removes its addresses from the sets and its file from cluster.d
    Remove {
        /// Its name
        name: String,
        #[command(flatten)]
        cut: CutArgs,
    },
}

/// `rolewall drill`
#[derive(Debug, Args)]
pub(crate) struct DrillArgs {
    /// Play it with this host's own inventory, settings and evidence, or with those below --root
    #[arg(long)]
    pub(crate) own: bool,
    /// What goes wrong in the drill of one's own; may be given several times
    #[arg(long = "fault", value_enum, value_name = "FAULT", requires = "own", default_value = "killed")]
    pub(crate) faults: Vec<DrillFault>,
    /// How long the test mode of the story lasts, in seconds
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(10..=120)
    )]
    pub(crate) window: u64,
    /// Be a process of the drill instead: NAME=tcp/22,udp/5060 listens on these ports under that name
    #[arg(long, hide = true, value_name = "PART")]
    pub(crate) stand_in: Option<String>,
}

/// What goes wrong in a drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DrillFault {
    /// A candidate that cuts the operator off is forced, and its process killed: the deadline ends it
    Killed,
    /// Power fails during a test: the machine boots
    PowerCut,
    /// The state directory has no room
    FullDisk,
    /// The state directory cannot be written
    ReadOnlyDisk,
    /// Another program flushes every rule
    FlushedTable,
    /// Another program opens our chain for what comes in
    ChangedTable,
    /// The file of the candidate is cut in half during its test
    DamagedFile,
}

/// `rolewall init`
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Print the files instead of writing them
    #[arg(long)]
    pub(crate) print: bool,
}

/// A name as DNS has it: it goes into a request as it is.
fn domain(text: &str) -> Result<String, String> {
    const BYTES_MAX: usize = 253;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if text.is_empty() || text.len() > BYTES_MAX || !text.chars().all(is_name) {
        return Err("expected letters, digits, dots and dashes, such as im.example.net".into());
    }
    Ok(text.to_owned())
}

/// A time with its unit: 90s, 10m, 1h.
fn window(text: &str) -> Result<Duration, String> {
    rolewall_policy::settings::window::parse(text).map_err(|e| format!("{e}; {}", e.help()))
}
