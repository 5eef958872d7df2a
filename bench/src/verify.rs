//! `verify`: a proof over all flows, as whole processes: of one node, of the whole cluster, and the matrix.
//! Not here: whether what is found is right; tests hold that.
//!
//! The cluster is of the shipped roles, all eleven, one or two a node. Beside the nodes' addresses the sets hold
//! denied networks, as many as it takes to have at least so many elements: what a feed of bans has.

use crate::Outcome;
use crate::child::{self, Cost};
use crate::cli::{Cli, VerifyOptions};
use crate::machine;
use crate::report::{Table, ms, spread_ms};
use crate::stats::median;
use rolewall_kernel::Nft;
use rolewall_lab::{Host, HostSpec, Lab};
use std::fmt::Write as _;
use std::net::Ipv4Addr;

const ROLES: [&str; 11] = ["web", "sip", "pbx", "jabber", "ic", "worker", "queue", "sql", "dd", "es", "s3"];

const COLUMNS: [&str; 6] = ["nodes", "set elements", "what", "wall ms (min..max)", "CPU ms", "peak MiB"];
const CLUSTER_COLUMNS: [&str; 6] =
    ["nodes", "rulesets", "what", "wall ms (min..max)", "CPU us a node", "peak MiB"];

pub(crate) fn run(cli: &Cli, options: &VerifyOptions) -> Outcome<()> {
    machine::print(cli)?;
    let mut table = Table::new(&COLUMNS);
    for nodes in &options.nodes {
        eprintln!("{nodes} nodes, one verified");
        one_node(cli, options, *nodes, &mut table)?;
    }
    table.print();
    let mut table = Table::new(&CLUSTER_COLUMNS);
    for nodes in &options.cluster {
        eprintln!("{nodes} nodes, all verified");
        all_nodes(cli, options, *nodes, &mut table)?;
    }
    table.print();
    Ok(())
}

/// The plan's own ruleset, the kernel's, and the kernel's with a rule too many.
fn one_node(cli: &Cli, options: &VerifyOptions, nodes: usize, table: &mut Table) -> Outcome<()> {
    let lab = Lab::builder().host(HostSpec::new("me")).up()?;
    let host = lab.host("me")?;
    let ours = node_elements(nodes);
    install(host, nodes, options.elements.saturating_sub(ours))?;
    let files = host.files().display().to_string();
    let rolewall = cli.rolewall()?.display().to_string();
    let command = |words: &[&str]| {
        let all = [&[rolewall.as_str(), "--files", &files], words].concat();
        all.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    child::measure(host, &command(&["apply", "--final"]))?;
    let ruleset = host.in_namespace(|| Nft::open().and_then(|mut nft| nft.read_ruleset()))??;
    let sets = || ruleset.tables.iter().flat_map(|table| &table.sets);
    let elements: usize = sets().map(|set| set.elements.len()).sum();
    let mut row = |what: &str, costs: &[Cost]| {
        let figures = [nodes.to_string(), elements.to_string(), what.to_owned()];
        let of = |figure: fn(&Cost) -> f64| costs.iter().map(figure).collect::<Vec<f64>>();
        let (cpu, peak) = (ms(median(&of(|c| c.cpu_s))), format!("{:.1}", median(&of(|c| c.peak_mib))));
        table.row(figures.into_iter().chain([spread_ms(&of(|c| c.wall_s)), cpu, peak]));
    };
    row("what apply would load", &measured(host, options, &command(&["verify", "--candidate"]))?);
    row("what the kernel holds", &measured(host, options, &command(&["verify", "--live"]))?);
    let entry = ruleset.tables.iter().flat_map(|table| &table.chains).find(|c| c.name.ends_with("-in"));
    let entry = &entry.ok_or("the ruleset has no chain for what comes in")?.name;
    let rule = format!("insert rule inet rolewall {entry} ip saddr 10.140.7.7 tcp dport 3307 accept");
    host.command("nft").arg(&rule).run()?.ok()?;
    // A violation is exit code 1.
    let script = "\"$@\" > /dev/null; test $? = 1";
    let found =
        [vec!["sh".into(), "-c".into(), script.into(), "sh".into()], command(&["verify", "--live"])].concat();
    row("the same and a rule too many: a witness", &measured(host, options, &found)?);
    Ok(())
}

fn all_nodes(cli: &Cli, options: &VerifyOptions, nodes: usize, table: &mut Table) -> Outcome<()> {
    let lab = Lab::builder().host(HostSpec::new("me")).up()?;
    let host = lab.host("me")?;
    install(host, nodes, 0)?;
    let files = host.files().display().to_string();
    let rolewall = cli.rolewall()?.display().to_string();
    for what in [&["--matrix", "json"][..], &["--cluster", "--candidate"]] {
        let words = [&[rolewall.as_str(), "--files", &files, "verify"], what].concat();
        let command: Vec<String> = words.into_iter().map(str::to_owned).collect();
        let costs = measured(host, options, &command)?;
        let of = |figure: fn(&Cost) -> f64| costs.iter().map(figure).collect::<Vec<f64>>();
        let cpu_us = median(&of(|c| c.cpu_s)) * 1e6 / nodes as f64;
        table.row([
            nodes.to_string(),
            rulesets(nodes).to_string(),
            what[0].to_owned(),
            spread_ms(&of(|c| c.wall_s)),
            format!("{cpu_us:.0}"),
            format!("{:.1}", median(&of(|c| c.peak_mib))),
        ]);
    }
    Ok(())
}

/// One that does not count, then so many.
fn measured(host: &Host, options: &VerifyOptions, command: &[String]) -> Outcome<Vec<Cost>> {
    child::measure(host, command)?;
    (0..options.runs).map(|_| child::measure(host, command)).collect()
}

/// The roles of the `i`th node by their places: one, or two that differ from round to round.
fn roles(i: usize) -> Vec<usize> {
    let first = i % ROLES.len();
    let second = (first + 1 + (i / ROLES.len() * 7 + i * 3) % (ROLES.len() - 1)) % ROLES.len();
    if i.is_multiple_of(2) { vec![first] } else { vec![first, second] }
}

/// This node's own ruleset, and one for each set of roles.
fn rulesets(nodes: usize) -> usize {
    let mut kinds: Vec<Vec<usize>> = (0..nodes).map(roles).collect();
    kinds.iter_mut().for_each(|roles| roles.sort_unstable());
    kinds.sort_unstable();
    kinds.dedup();
    kinds.len() + 1
}

/// Elements that addresses of nodes make at the least: one a family in the set of each role.
fn node_elements(nodes: usize) -> usize {
    (0..nodes).map(|i| 2 * roles(i).len()).sum()
}

fn install(host: &Host, nodes: usize, denied: usize) -> Outcome<()> {
    let mut text = "[cluster]\nname = \"bench\"\nprivate = [\"10.140.0.0/16\", \"fd14:be9c::/64\"]\n\
        admin = [\"198.51.100.0/28\"]\ntrunks = [\"203.0.113.0/24\"]\n"
        .to_owned();
    let _ = write!(
        text,
        "[[node]]\nname = \"me\"\nprivate = [\"10.140.0.1\", \"fd14:be9c::1\"]\npublic = [\"192.0.2.1\"]\nroles = {ROLES:?}\n"
    );
    for i in 0..nodes {
        let roles: Vec<&str> = roles(i).into_iter().map(|role| ROLES[role]).collect();
        let (third, fourth) = (1 + i / 250, 1 + i % 250);
        let _ = write!(
            text,
            "[[node]]\nname = \"n{i:05}\"\nprivate = [\"10.140.{third}.{fourth}\", \"fd14:be9c::1:{i:x}\"]\nroles = {roles:?}\n"
        );
    }
    host.write("/etc/rolewall/cluster.toml", text)?;
    let mut text = "[node]\nname = \"me\"\n[mode]\nout = \"enforce\"\n[deny]\nnetworks = [".to_owned();
    for i in 0..denied / 2 {
        // Of the blocks for benchmarks (RFC 2544) and for documentation (RFC 3849), never two side by side.
        let address = Ipv4Addr::from(u32::from_be_bytes([198, 18, 0, 0]) + u32::try_from(i)? * 2);
        let _ = write!(text, "\"{address}/32\", \"2001:db8:{:x}:{:x}::/64\", ", i >> 14, (i & 0x3fff) * 2);
    }
    text.push_str("]\n");
    host.write("/etc/rolewall/rolewall.toml", text)?;
    Ok(())
}
