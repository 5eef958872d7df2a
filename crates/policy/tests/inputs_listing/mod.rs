//! What was read, as lines for a golden file.
//! Not here: what was wrong; problems print themselves.

use rolewall_policy::problem::Note;
use rolewall_policy::settings::Sql;
use rolewall_policy::{Catalogue, Inventory, Node, Promise, Role, Settings};
use std::fmt::Display;

/// The roles that differ from the project's own.
pub(crate) fn catalogue(catalogue: &Catalogue, built_in: &Catalogue) -> String {
    let changed = catalogue.roles.iter().filter(|(name, role)| built_in.roles.get(*name) != Some(role));
    changed.map(|(_, role)| self::role(role)).collect()
}

fn role(role: &Role) -> String {
    let Role { name, title, aliases, public, services, needs, file } = role;
    let mut lines = format!("role {name} {title:?} aliases {aliases:?} public {public:?} from {file}\n");
    for service in services {
        let ports = list(&service.ports);
        lines += &format!("  service {} {ports} media {}\n", service.name, service.media);
        if let Some(Promise { speaks, encrypted, authenticated, except, plain, status, source }) =
            &service.promise
        {
            let plain = list(plain);
            lines += &format!(
                "    promises {speaks:?} encrypted {encrypted:?} authenticated {authenticated} except {except:?} \
                 plain {plain} {status:?}: {source}\n"
            );
        }
        for client in &service.clients {
            lines += &format!("    {:?} {:?}: {}\n", client.who, client.network, client.origin.purpose);
        }
    }
    for need in needs {
        lines += &format!("  need {} {} to {:?}\n", need.name, list(&need.ports), need.to);
    }
    lines
}

pub(crate) fn inventory(inventory: &Inventory) -> String {
    let Inventory { cluster, nodes, notes } = inventory;
    let mut lines = format!(
        "cluster {} private {} admin {} trunks {}\n",
        cluster.name,
        list(&cluster.private),
        list(&cluster.admin),
        list(&cluster.trunks)
    );
    lines.extend(nodes.iter().map(node));
    lines + &self::notes(notes)
}

fn node(node: &Node) -> String {
    let Node { name, id, private, public, roles, ports, admin_public, place } = node;
    let ports: Vec<String> = ports.iter().map(|(role, ports)| format!("{role}={}", list(ports))).collect();
    format!(
        "node {name} id {} private {} public {} roles {} ports {} admin_public {} at {place}\n",
        id.as_deref().unwrap_or("-"),
        list(private),
        list(public),
        list(roles.iter()),
        list(&ports),
        list(admin_public)
    )
}

pub(crate) fn settings(settings: &Settings) -> String {
    let Settings {
        node,
        private_interfaces,
        public_interfaces,
        trusted,
        deny,
        mode_in,
        mode_out,
        forward,
        mode_roles,
        test_window,
        limits,
        log_group,
        log_per_second,
        inventory,
        sql,
        notes,
    } = settings;
    let placed = |nets: &[rolewall_policy::settings::PlacedNet]| {
        list(nets.iter().map(|n| format!("{} ({})", n.net, n.place)))
    };
    let mut lines = format!("node {}\n", node.as_ref().map_or("-", |n| &n.0));
    lines += &format!("interfaces private {} public {}\n", list(private_interfaces), list(public_interfaces));
    lines += &format!("trusted {}\ndeny {}\n", placed(trusted), placed(deny));
    lines += &format!("in {mode_in:?} out {mode_out:?} forward {forward:?} roles {mode_roles:?}\n");
    lines += &format!("window {} s, inventory {inventory:?}\n", test_window.as_secs());
    if *sql != Sql::default() {
        lines += &format!("{sql:?}\n");
    }
    for (name, limit) in limits {
        lines += &format!("limit {name} {}/s burst {} {}\n", limit.new_per_second, limit.burst, limit.reason);
    }
    lines += &format!("log group {log_group}, {log_per_second}/s\n");
    lines + &self::notes(notes)
}

fn notes(notes: &[Note]) -> String {
    notes.iter().map(|note| format!("note {note}\n")).collect()
}

fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    format!("[{}]", items.join(" "))
}
