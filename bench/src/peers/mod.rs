//! What others load for the same policy: files, and the commands that a person would run.
//! Not here: running and measuring them.

mod iptables;
mod managed;
mod nft;

use crate::cluster::Cluster;
use crate::ours::File;

pub(crate) use nft::TABLE as RULESET_TABLE;

/// Tools that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Peer {
    /// nft -f with a map from address to role bits: the leanest
    NftRolemap,
    /// nft -f with a named set for each service and family
    NftSets,
    /// ipset restore with a set for each service and family, and iptables-restore
    Ipset,
    /// iptables-restore, a rule for each address
    IptablesRestore,
    /// iptables, a process for each rule; only up to 10 nodes
    Iptables,
    /// ufw reload, a rule for each address
    Ufw,
    /// firewall-cmd --reload, an ipset for each service; CPU and memory are the client's, without the daemon's
    Firewalld,
    /// foomuuri start, a macro for each service
    Foomuuri,
}

/// Everything a host needs for a peer.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) files: Vec<File>,
    /// A shell script that runs before the first load: what the firewall needs to be there at all.
    pub(crate) set_up: Option<String>,
    /// A program with its arguments; `%` in them stands for the directory of the files.
    pub(crate) command: Vec<String>,
    /// What an element count means depends on the peer: set elements, or rules.
    pub(crate) elements: usize,
}

/// The command that runs a script.
fn shell(script: &str) -> Vec<String> {
    vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()]
}

impl Loaded {
    fn new(files: Vec<File>, command: Vec<String>, elements: usize) -> Loaded {
        Loaded { files, set_up: None, command, elements }
    }
}

impl Peer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Peer::NftRolemap => "nft-rolemap",
            Peer::NftSets => "nft-sets",
            Peer::Ipset => "ipset",
            Peer::IptablesRestore => "iptables-restore",
            Peer::Iptables => "iptables",
            Peer::Ufw => "ufw",
            Peer::Firewalld => "firewalld",
            Peer::Foomuuri => "foomuuri",
        }
    }

    /// Programs without which it cannot be measured.
    pub(crate) fn programs(self) -> &'static [&'static str] {
        match self {
            Peer::NftRolemap | Peer::NftSets => &["nft"],
            Peer::Ipset => &["ipset", "iptables-restore", "ip6tables-restore"],
            Peer::IptablesRestore => &["iptables-restore", "ip6tables-restore"],
            Peer::Iptables => &["iptables", "ip6tables"],
            Peer::Ufw => &["ufw"],
            Peer::Firewalld => &["firewalld", "firewall-cmd", "dbus-daemon"],
            Peer::Foomuuri => &["foomuuri"],
        }
    }

    /// Nodes beyond which a run would take minutes.
    pub(crate) fn nodes_max(self) -> usize {
        if self == Peer::Iptables { 10 } else { usize::MAX }
    }

    /// The policy for that cluster in this peer's words.
    pub(crate) fn load(self, cluster: &Cluster) -> Loaded {
        match self {
            Peer::NftRolemap => nft::load(cluster, nft::Style::Rolemap),
            Peer::NftSets => nft::load(cluster, nft::Style::Sets),
            Peer::Ipset => iptables::with_ipset(cluster),
            Peer::IptablesRestore => iptables::restored(cluster),
            Peer::Iptables => iptables::one_by_one(cluster),
            Peer::Ufw => managed::ufw(cluster),
            Peer::Firewalld => managed::firewalld(cluster),
            Peer::Foomuuri => managed::foomuuri(cluster),
        }
    }
}
