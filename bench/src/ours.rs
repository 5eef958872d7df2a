//! The policy and the cluster as files of Rolewall: cluster.toml, rolewall.toml and a file for each role.
//! Not here: running it.

use crate::cluster::{Cluster, Node, PRIVATE4, PRIVATE6, TRUSTED4, TRUSTED6, me};
use crate::policy::{From, NEEDS, Need, Ports, ROLES, SERVICES, Service};
use std::fmt::Write as _;

/// A file by its absolute name on the host.
pub(crate) type File = (String, String);

/// Everything below `/etc/rolewall`. The roles are the bench's own, each replacing the one of that name, so
/// that the rules come to exactly the benched policy.
pub(crate) fn files(cluster: &Cluster) -> Vec<File> {
    let mut files = vec![
        ("/etc/rolewall/cluster.toml".to_owned(), inventory(cluster)),
        ("/etc/rolewall/rolewall.toml".to_owned(), settings()),
    ];
    files.extend(["node", "s3"].iter().chain(&ROLES).map(|role| (role_path(role), role_file(role))));
    files
}

fn inventory(cluster: &Cluster) -> String {
    let mut text = format!("[cluster]\nname = \"bench\"\nprivate = [\"{PRIVATE4}\", \"{PRIVATE6}\"]\n");
    let _ = write!(
        text,
        "\n[[node]]\nname = \"{}\"\nprivate = [\"{}\", \"{}\"]\npublic = [\"{}\", \"{}\"]\nroles = {ROLES:?}\n",
        me::NAME,
        me::IPV4,
        me::IPV6,
        me::PUBLIC4,
        me::PUBLIC6
    );
    for Node { name, ipv4, ipv6, roles } in &cluster.others {
        let roles: Vec<&str> = roles.iter().map(|role| ROLES[*role]).collect();
        let _ = write!(
            text,
            "\n[[node]]\nname = \"{name}\"\nprivate = [\"{ipv4}\", \"{ipv6}\"]\nroles = {roles:?}\n"
        );
    }
    text
}

/// What goes out is enforced, which is not the default, because the peers enforce it too.
fn settings() -> String {
    format!(
        "[node]\nname = \"{}\"\n\n[trusted]\nnetworks = [\"{TRUSTED4}\", \"{TRUSTED6}\"]\n\n[mode]\nout = \"enforce\"\n",
        me::NAME
    )
}

fn role_path(role: &str) -> String {
    format!("/etc/rolewall/roles.d/{role}.toml")
}

/// `node` stands for every node.
fn role_file(role: &str) -> String {
    let services: Vec<&Service> = SERVICES.iter().filter(|s| s.role == role).collect();
    let is_public = services.iter().any(|s| s.from == From::Public);
    let reach = if is_public { "customers" } else { "never" };
    let mut text = format!("[role]\nname = {role:?}\ntitle = {role:?}\npublic = \"{reach}\"\n");
    services.iter().for_each(|service| text.push_str(&service_table(service)));
    let is_mine = |need: &&Need| need.roles.contains(&role) || (need.roles.is_empty() && role == "node");
    for Need { name, roles: _, ports } in NEEDS.iter().filter(is_mine) {
        let _ = write!(
            text,
            "\n[[need]]\nname = {name:?}\nports = [{}]\nto = \"public\"\n{ORIGIN}",
            port_list(ports)
        );
    }
    text
}

/// What the catalogue wants to know of each entry.
const ORIGIN: &str = "purpose = \"to be benched\"\nstatus = \"assumed\"\nsource = \"rolewall-bench\"\n";

fn service_table(service: &Service) -> String {
    let Service { name, role, ports, from, limit } = *service;
    let mut text = format!("\n[[service]]\nname = {name:?}\nports = [{}]\n{ORIGIN}", port_list(ports));
    // A wide range is media to the catalogue: it gives way to ports of other services.
    if ports.iter().any(|(_, first, last)| last - first > 100) {
        text.push_str("media = true\n");
    }
    if let Some((rate, burst)) = limit {
        let _ = writeln!(
            text,
            "limit = {{ new_per_second = {rate}, burst = {burst}, reason = \"to be benched\" }}"
        );
    }
    for who in clients(from, role) {
        let network = if who == "public" { "public" } else { "private" };
        let _ = write!(text, "\n  [[service.client]]\n  who = {who:?}\n  network = {network:?}\n");
    }
    text
}

fn clients(from: From, server: &str) -> Vec<String> {
    match from {
        From::Public => vec!["public".to_owned()],
        From::EveryNode => vec!["every-node".to_owned()],
        From::Roles(roles) => {
            let who = |role: &&str| if *role == server { "peers".to_owned() } else { format!("role:{role}") };
            roles.iter().map(who).collect()
        }
    }
}

fn port_list(ports: &[Ports]) -> String {
    let port = |(proto, first, last): &Ports| {
        let proto = proto.word();
        if first == last { format!("\"{proto}/{first}\"") } else { format!("\"{proto}/{first}-{last}\"") }
    };
    ports.iter().map(port).collect::<Vec<_>>().join(", ")
}
