//! `rolewall init`: a commented rolewall.toml and cluster.toml for this host, from what was detected.
//! Not here: any change to the firewall.

use crate::failure::{Failure, file_failure};
use crate::host::{self, CLUSTER, Host, SETTINGS, session};
use crate::inputs::{Inputs, Look};
use rolewall_kernel::links;
use rolewall_policy::plan::Me;
use std::fmt::Write;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes both files, or neither where one is there already that says something.
pub(crate) fn init(host: &Host, print: bool) -> Result<String, Failure> {
    host.live("init")?;
    let taken: Vec<_> = [SETTINGS, CLUSTER].into_iter().filter(|p| is_taken(&host.path(p))).collect();
    if !taken.is_empty() && !print {
        return Err(Failure::input(format_args!(
            "{} {} there already, and init overwrites nothing",
            taken.join(" and "),
            if taken.len() == 1 { "is" } else { "are" }
        ))
        .help("rolewall init --print shows what it would write"));
    }
    let files = [(SETTINGS, settings(host)?), (CLUSTER, cluster(host)?)];
    let mut out = String::new();
    for (path, text) in &files {
        if print {
            let _ = write!(out, "# {path}\n{text}\n");
        } else {
            write_new(host, path, text)?;
            let _ = writeln!(out, "wrote {path}");
        }
    }
    if !print {
        out.push_str("next: rolewall plan, then rolewall apply\n");
    }
    Ok(out)
}

fn is_taken(path: &Path) -> bool {
    let is_plain = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file());
    let says_nothing = || fs::read_to_string(path).is_ok_and(|text| host::says_nothing(&text));
    fs::symlink_metadata(path).is_ok() && !(is_plain && says_nothing())
}

fn write_new(host: &Host, path: &str, text: &str) -> Result<(), Failure> {
    let path = host.path(path);
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(|e| file_failure("make", directory, &e))?;
    }
    // Comments alone, or it would have been refused.
    match fs::remove_file(&path) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(file_failure("replace", &path, &e)),
        _ => {}
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path);
    let written = file.and_then(|mut f| f.write_all(text.as_bytes()).and_then(|()| f.sync_all()));
    written.map_err(|e| file_failure("write", &path, &e))
}

fn settings(host: &Host) -> Result<String, Failure> {
    let names = host.names()?;
    let name = names.hostname.as_deref().unwrap_or("this-host");
    Ok(format!(
        "\
# Settings of this node. Every key may be left out; what stands here is the default.

[node]
# Which node of cluster.toml this host is. Left out: found by node id, host name or address.
# name = \"{name}\"

[interfaces]
# Left out: the networks are told apart by addresses alone.
# private = [\"eth1\"]
# public  = [\"eth0\"]

[trusted]
# Never filtered, in or out; added to TRUSTED_NET of /etc/voipnow/local.conf.
# networks = [\"198.51.100.0/28\"]

[mode]
# enforce: what no permit covers is dropped. observe: it is counted and logged, and passes.
in  = \"enforce\"
out = \"observe\"

[test]
# How long a test lasts unless it is confirmed. The kernel keeps the time.
window = \"10m\"
"
    ))
}

fn cluster(host: &Host) -> Result<String, Failure> {
    let inputs = Inputs::read(host, Look::AtAll)?;
    let me = inputs.me().unwrap_or_else(|_| Me::from_evidence("this-host", &inputs.observed));
    let addresses: Vec<IpAddr> = links::addresses()
        .map_err(Failure::host)?
        .into_iter()
        .map(|a| a.address)
        .filter(|a| !a.is_loopback() && !is_link_local(*a))
        .collect();
    let (private, public): (Vec<IpAddr>, Vec<IpAddr>) = addresses.into_iter().partition(is_private);
    let roles = list(me.roles.iter().map(ToString::to_string));
    Ok(format!(
        "\
# The cluster: the same file on every node.

[cluster]
name    = \"voice-1\"
# The isolated network. Nobody there is a customer: only nodes of this file are admitted.
private = []        # [\"10.20.0.0/16\", \"fd20::/48\"]
# Who may reach ssh and the controller's interface. While it is empty, ssh is open to all, at a bounded rate.
admin   = [{admin}]
# Carriers.
trunks  = []        # [\"203.0.113.0/24\"]

[[node]]
name    = \"{name}\"
private = [{private}]
public  = [{public}]
# web sip pbx jabber ic worker queue sql dd es s3; set here: what listens on this host tells
roles   = [{roles}]
",
        admin = list(admin().iter().map(ToString::to_string)),
        name = node_name(&me),
        private = list(private.iter().map(ToString::to_string)),
        public = list(public.iter().map(ToString::to_string)),
    ))
}

/// The address that the operator comes from is the one that must not be locked out.
fn admin() -> Vec<IpAddr> {
    let established = session::established().unwrap_or_default();
    let mut clients: Vec<IpAddr> = session::own(&established).iter().map(|s| s.client.ip()).collect();
    clients.sort_unstable();
    clients.dedup();
    clients
}

/// The first label of the host name, with what a node name may not have replaced.
fn node_name(me: &Me) -> String {
    let short = me.name.0.split('.').next().unwrap_or_default().to_lowercase();
    let name: String =
        short.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect();
    if name.is_empty() { "this-host".to_owned() } else { name }
}

fn is_private(address: &IpAddr) -> bool {
    rolewall_evidence::Address::One(*address).reach() == rolewall_evidence::Reach::Private
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => a.is_link_local(),
        IpAddr::V6(a) => a.is_unicast_link_local(),
    }
}

fn list(words: impl Iterator<Item = String>) -> String {
    words.map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(", ")
}
