//! What a change opens and closes: two rulesets of ours, judged side by side on one flow for each cell in
//! which neither changes its mind.
//! Not here: live flows, and rulesets of others.
//!
//! The cells are cut wherever a rule of either looks: ports at each end of a range, remote addresses by
//! the sets and prefixes that contain them. One judgement a cell is exact for rulesets of this shape.

mod cells;
mod merge;

pub use merge::{Opening, Way};

use crate::Inventory;
use cells::{Cells, Remote};
use rolewall_ruleset::flow::{Direction, L4};
use rolewall_ruleset::judge::{Judge, Judged};
use rolewall_ruleset::{Flow, Ruleset};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The flows that pass one ruleset and not the other, both ways, merged to readable lines.
pub fn difference(now: &Ruleset, then: &Ruleset, inventory: &Inventory) -> Vec<Opening> {
    let cells = Cells::of(&[now, then]);
    let (before, after) = (Judge::new(now), Judge::new(then));
    let mut openings = merge::Merge::new(inventory, cells.interfaces);
    for direction in [Direction::In, Direction::Out] {
        for remote in &cells.remotes {
            for (proto, port) in &cells.ports {
                let Some(flow) = flow(direction, remote, *proto, port.0) else { continue };
                let way = match (passes(&before, &flow), passes(&after, &flow)) {
                    (false, true) => Way::Opens,
                    (true, false) => Way::Closes,
                    _ => continue,
                };
                openings.add(way, direction, remote, *proto, *port);
            }
        }
    }
    openings.finish()
}

fn passes(judge: &Judge<'_>, flow: &Flow) -> bool {
    judge.verdict(flow) == Judged::Accept
}

/// None for a protocol without ports, of which no cell is made.
fn flow(direction: Direction, remote: &Remote, proto: u8, dport: u16) -> Option<Flow> {
    let local = match remote.address {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    };
    let (src, dst) =
        if direction == Direction::In { (remote.address, local) } else { (local, remote.address) };
    Some(Flow::first(direction, src, dst, L4::client(proto, dport)?).by(remote.interface.clone()))
}
