//! What this host calls itself: the vendor's node id and the host name.
//! Not here: which node of the inventory that makes it.

use super::{Host, NODE_ID};
use crate::failure::Failure;
use rolewall_policy::plan::HostNames;
use rolewall_policy::settings::nodeid;

impl Host {
    /// Reads both; with `--root`, only what files say. Addresses are asked for where these do not tell.
    pub(crate) fn names(&self) -> Result<HostNames, Failure> {
        let node_id = self.source(NODE_ID)?.map(|s| nodeid::parse(&s.text)).transpose().map_err(|e| {
            Failure::input(format_args!("{NODE_ID}: {e}"))
                .help("write this node's id into it, or name the node in rolewall.toml")
        })?;
        let hostname =
            self.source("/etc/hostname")?.map(|s| s.text.trim().to_owned()).filter(|h| !h.is_empty());
        if !self.is_live {
            return Ok(HostNames { node_id, hostname, addresses: Vec::new() });
        }
        let live = rustix::system::uname().nodename().to_str().ok().map(str::to_owned);
        let hostname = if self.is_whole { live.or(hostname) } else { hostname };
        Ok(HostNames { node_id, hostname, addresses: Vec::new() })
    }
}
