//! Boxes of flows merged to lines: remote ends with the same ports on one, ports with the same remote ends on one.
//! Not here: how values are spelled ([`super::words`]).

use super::Way;
use super::words::{Remote, both, conditions, ports, proto, remotes};
use crate::Inventory;
use rolewall_ruleset::Family;
use rolewall_ruleset::flow::Direction;
use rolewall_ruleset::space::{Field, FlowBox, Ranges, Shape};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;

/// Flows that open or close, of one direction and protocol.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// Which.
    pub way: Way,
    /// Which way they go.
    pub direction: Direction,
    /// `tcp`, `icmp`, or numbers.
    pub proto: String,
    /// Destination ports, or types of ICMP; empty: all of them.
    pub ports: String,
    /// The remote ends (of what is forwarded, the sources) in words: nodes by name, else networks.
    pub remotes: Vec<String>,
    /// What else holds of them: interfaces, states, the near end, source ports.
    pub conditions: Vec<String>,
}

/// What lines are told apart by beside remote ends and ports.
type Key = (Way, Direction, String, Vec<String>);

/// Boxes as they come.
pub(super) struct Lines<'a> {
    nodes: BTreeMap<IpAddr, &'a str>,
    boxes: BTreeMap<Key, BTreeMap<Family, Vec<(Ranges, Ranges)>>>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(inventory: &'a Inventory) -> Lines<'a> {
        let named = |node: &'a crate::Node| node.addresses().map(|address| (*address, node.name.0.as_str()));
        Lines { nodes: inventory.nodes.iter().flat_map(named).collect(), boxes: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, way: Way, one: &FlowBox) {
        let direction = one.shape.direction;
        let remote = remote(direction);
        let whole =
            |field: Field| one.fields.get(&field).cloned().unwrap_or_else(|| Ranges::span(0, u128::MAX));
        let (asked, key) = (ports_field(one), (way, direction, proto(one), conditions(one)));
        let ports = asked.map_or_else(|| Ranges::span(0, u128::MAX), whole);
        let by_family = self.boxes.entry(key).or_default();
        by_family.entry(one.shape.family).or_default().push((whole(remote), ports));
    }

    /// Flows of a shape close, but for those that stay.
    pub(super) fn close_all_but(&mut self, shape: Shape) {
        let everything = FlowBox { shape, fields: BTreeMap::new() };
        self.add(Way::Closes, &everything);
    }

    /// Remote ends with the same ports on one line.
    pub(super) fn finish(self) -> Vec<Line> {
        let mut lines: BTreeMap<(Key, String), Vec<(Family, Remote)>> = BTreeMap::new();
        for (key, by_family) in &self.boxes {
            for (family, boxes) in by_family {
                for (ends, values) in by_ports(by_remotes(boxes)) {
                    let named = remotes(&ends, *family, &self.nodes);
                    lines.entry((key.clone(), ports(&values))).or_default().push((*family, named));
                }
            }
        }
        let has_stays: BTreeSet<Direction> = lines
            .keys()
            .filter(|((way, ..), _)| *way == Way::Stays)
            .map(|((_, direction, ..), _)| *direction)
            .collect();
        let line = |((key, ports), ends): ((Key, String), Vec<(Family, Remote)>)| {
            let (way, direction, proto, mut conditions) = key;
            if way == Way::Closes && ports.is_empty() && has_stays.contains(&direction) {
                conditions.push("but for what stays".to_owned());
            }
            Line { way, direction, proto, ports, remotes: both(ends), conditions }
        };
        lines.into_iter().map(line).collect()
    }
}

/// The field of the remote end.
pub(super) fn remote(direction: Direction) -> Field {
    if direction == Direction::Out { Field::Dst } else { Field::Src }
}

fn ports_field(one: &FlowBox) -> Option<Field> {
    [Field::Dport, Field::IcmpType].into_iter().find(|field| one.fields.contains_key(field))
}

/// Ports of the same remote ends together.
fn by_remotes(boxes: &[(Ranges, Ranges)]) -> Vec<(Ranges, Ranges)> {
    together(boxes.iter().map(|(remotes, ports)| (remotes.clone(), ports.clone())))
}

/// Remote ends of the same ports together.
fn by_ports(boxes: Vec<(Ranges, Ranges)>) -> Vec<(Ranges, Ranges)> {
    let flipped = together(boxes.into_iter().map(|(remotes, ports)| (ports, remotes)));
    flipped.into_iter().map(|(ports, remotes)| (remotes, ports)).collect()
}

/// Pairs with the same first are one, with the second of all of them.
fn together(pairs: impl Iterator<Item = (Ranges, Ranges)>) -> Vec<(Ranges, Ranges)> {
    let mut places: HashMap<Ranges, usize> = HashMap::new();
    let mut found: Vec<(Ranges, Vec<(u128, u128)>)> = Vec::new();
    for (first, second) in pairs {
        let place = *places.entry(first).or_insert_with_key(|first| {
            found.push((first.clone(), Vec::new()));
            found.len() - 1
        });
        found[place].1.extend(second.ranges());
    }
    found.into_iter().map(|(first, seconds)| (first, Ranges::of(seconds))).collect()
}

impl fmt::Display for Line {
    /// `opens in tcp 3306 from sip1 (10.20.0.11)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Remote ends that are named; the rest is counted.
        const NAMED_MAX: usize = 8;
        let Line { way, direction, proto, ports, remotes, conditions } = self;
        f.write_str(match way {
            Way::Opens => "opens",
            Way::Closes => "closes",
            Way::Stays => "stays",
        })?;
        let (word, preposition) = match direction {
            Direction::In => ("in", "from"),
            Direction::Out => ("out", "to"),
            Direction::Forward => ("forward", "from"),
        };
        write!(f, " {word} {proto}")?;
        if !ports.is_empty() {
            write!(f, " {ports}")?;
        }
        let named: Vec<&str> = remotes.iter().take(NAMED_MAX).map(String::as_str).collect();
        write!(f, " {preposition} {}", named.join(", "))?;
        if remotes.len() > NAMED_MAX {
            write!(f, " and {} more", remotes.len() - NAMED_MAX)?;
        }
        conditions.iter().try_for_each(|condition| write!(f, ", {condition}"))
    }
}
