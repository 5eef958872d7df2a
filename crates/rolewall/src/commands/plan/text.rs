//! A plan for people.
//! Not here: what is in it.

use super::{Shown, mode};
use rolewall_evidence::{Evidence, Kind};
use rolewall_policy::observed::{By, Says};
use rolewall_policy::plan::{Permit, Plan, Zone};
use rolewall_policy::settings::Forward;
use rolewall_policy::{Network, PortRange};
use std::fmt::Write;

pub(super) fn text(shown: &Shown, sources: bool) -> String {
    let Shown { plan, says, conflicts: _, neighbours: _, stand_in: _ } = shown;
    let mut out = String::new();
    let roles: Vec<&str> = plan.me.roles.iter().map(|r| r.0.as_str()).collect();
    let roles = if roles.is_empty() { "no roles".to_owned() } else { roles.join(", ") };
    let _ = writeln!(out, "{}: {roles}", plan.me.name);
    if let Some(place) = &plan.me.place {
        let _ = writeln!(out, "  declared at {place}");
    }
    let _ = writeln!(
        out,
        "\nin ({}), after loopback, established, ICMP errors, neighbour discovery and DHCP:",
        mode(plan.mode_in)
    );
    for net in &plan.trusted {
        let _ = writeln!(out, "  everything from {net}: trusted, never filtered, in or out");
    }
    for net in &plan.deny {
        let _ = writeln!(out, "  nothing from {net}: denied");
    }
    permits(&mut out, plan, &plan.inbound, "from", sources);
    let _ = writeln!(out, "\nout ({}):", mode(plan.mode_out));
    permits(&mut out, plan, &plan.outbound, "to", sources);
    let forward = match plan.forward {
        Forward::Untouched => "untouched".to_owned(),
        Forward::Filtered(m) => format!("trusted and established only ({})", mode(m)),
    };
    let _ = writeln!(out, "\nforward: {forward}");
    let told: Vec<&Says> =
        says.iter().filter(|says| says.by != By::Default || says.sockets.is_some()).collect();
    if !told.is_empty() {
        out.push_str("\nports of this node, and who says so:\n");
        told.into_iter().for_each(|one| ports(&mut out, one));
    }
    out
}

/// The ports of a service, and each source's word.
fn ports(out: &mut String, says: &Says) {
    let Says { key: (role, service), ports, by, inventory, configuration, sockets, default } = says;
    let _ = writeln!(out, "  {role} {service}: {} ({})", list(ports), by.word());
    if let Some(inventory) = inventory {
        let _ = writeln!(out, "      inventory:     {}", list(inventory));
    }
    let sources = |evidence: &[Evidence]| {
        let mut sources: Vec<&str> = evidence.iter().map(|e| e.source.as_str()).collect();
        sources.dedup();
        let more = if sources.len() > 3 { ", …" } else { "" };
        format!("{}{more}", sources[..sources.len().min(3)].join(", "))
    };
    if !configuration.ports.is_empty() {
        let said: Vec<Evidence> =
            configuration.evidence.iter().filter(|e| e.kind != Kind::Socket).cloned().collect();
        let _ = writeln!(out, "      configuration: {} ({})", list(&configuration.ports), sources(&said));
    }
    if !configuration.besides.is_empty() {
        let _ = writeln!(out, "      not opened:    {}, configured besides", list(&configuration.besides));
    }
    match sockets {
        Some(sockets) if sockets.is_empty() => out.push_str("      sockets:       none listens\n"),
        Some(sockets) => {
            let _ = writeln!(out, "      sockets:       {}", sources(sockets));
        }
        None => {}
    }
    if ports != default {
        let _ = writeln!(out, "      default:       {}", list(default));
    }
}

fn list(ports: &[PortRange]) -> String {
    if ports.is_empty() {
        return "none".to_owned();
    }
    ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn permits(out: &mut String, plan: &Plan, permits: &[Permit], preposition: &str, sources: bool) {
    for permit in permits {
        let limit = permit.limit.as_ref().map(|l| {
            format!(", at most {} new a second and source, {} at once", l.limit.new_per_second, l.limit.burst)
        });
        let _ = writeln!(
            out,
            "  {} {preposition} {}{}{}",
            list(&permit.ports),
            who(plan, &permit.zone),
            over(permit),
            limit.unwrap_or_default()
        );
        let why = &permit.why;
        let source = if sources { format!(" [{}]", why.source) } else { String::new() };
        let _ = writeln!(out, "      {} {}: {}{source}", why.role, why.service, why.purpose);
    }
}

/// Admin addresses may be admitted over one network and not the other; all else follows from the zone.
fn over(permit: &Permit) -> &'static str {
    match (&permit.zone, permit.network) {
        (Zone::Admin, Network::Private) => " over the private network",
        (Zone::Admin, Network::Public) => " over the public network",
        _ => "",
    }
}

fn who(plan: &Plan, zone: &Zone) -> String {
    let count = match zone {
        Zone::Anyone => return zone.to_string(),
        Zone::Admin => plan.admin.len(),
        Zone::Trunks => plan.trunks.len(),
        Zone::Nodes(label) => plan.nodes.get(label).map_or(0, Vec::len),
    };
    match zone {
        Zone::Admin | Zone::Trunks => format!("{zone} ({count} networks)"),
        Zone::Anyone | Zone::Nodes(_) => format!("{zone} ({count} addresses)"),
    }
}
