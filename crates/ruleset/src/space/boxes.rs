//! Spaces again as people name them: boxes of values, and one flow of a space.
//! Not here: names of nodes and zones (crate `policy`).

use super::diagram::Space;
use super::field::{CT_STATES, Field, NO_NAME, interface, name, number};
use super::ranges::Ranges;
use super::{Shape, Study};
use crate::Flow;
use crate::flow::CtState;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Flows of a shape by values of fields; a field that is not named may have any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowBox {
    /// The shape.
    pub shape: Shape,
    /// Values.
    pub fields: BTreeMap<Field, Ranges>,
}

impl FlowBox {
    /// Whether a flow of its shape is in it.
    pub fn contains(&self, flow: &Flow) -> bool {
        let holds = |(field, values): (&Field, &Ranges)| {
            self.shape.value(*field, flow).is_some_and(|value| values.contains(value))
        };
        self.fields.iter().all(holds)
    }

    /// Names of the interfaces among a field's values; with `true`, every other one too.
    pub fn interfaces(&self, field: Field) -> Option<(Vec<String>, bool)> {
        let values = self.fields.get(&field)?;
        let single = |(first, last): &(u128, u128)| (first == last).then(|| interface(*first)).flatten();
        let names = values.ranges().iter().filter_map(single).collect();
        Some((names, values.contains(NO_NAME)))
    }

    /// The interfaces that are not among a field's values.
    pub fn other_interfaces(&self, field: Field) -> Option<Vec<String>> {
        let missing = self.fields.get(&field)?.complement(u128::MAX);
        let single = |(first, last): &(u128, u128)| (first == last).then(|| interface(*first)).flatten();
        Some(missing.ranges().iter().filter_map(single).collect())
    }

    /// The states among its values.
    pub fn states(&self) -> Vec<CtState> {
        let values = self.fields.get(&Field::Ct);
        let is_in = |at: usize| values.is_none_or(|values| values.contains(at as u128));
        CT_STATES.iter().enumerate().filter(|(at, _)| is_in(*at)).map(|(_, state)| *state).collect()
    }
}

/// Addresses that a witness is best shown with, from the documentation's networks: who begins, and whom it asks.
const SOURCES: [&str; 5] =
    ["203.0.113.77", "198.51.100.77", "192.0.2.77", "2001:db8:ffff::77", "2001:db8:77::77"];
const DESTINATIONS: [&str; 5] = ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "2001:db8:77::1"];

impl Study {
    /// One flow of a space; none if it is empty. Of several, the one that people know best: a new one, from a
    /// stranger.
    pub fn witness(&self, space: Space) -> Option<Flow> {
        let mut values: BTreeMap<Field, u128> = BTreeMap::new();
        let mut at = space;
        while let Some((place, children)) = self.arena.question(at) {
            let wanted = |class: usize| !children[class].is_empty();
            let field = self.fields.order[place];
            let value = self.choose(field, &self.fields.alphabets[place].values(wanted))?;
            at = children[self.fields.alphabets[place].class(value)?];
            values.insert(field, value);
        }
        if at.is_empty() {
            return None;
        }
        let any = |field| self.choose(field, &self.shape.domain(field)).unwrap_or(0);
        Some(self.shape.flow(|field| values.get(&field).copied().unwrap_or_else(|| any(field))))
    }

    /// The value that people know best.
    fn choose(&self, field: Field, values: &Ranges) -> Option<u128> {
        let known = self.known(field);
        known.into_iter().find(|value| values.contains(*value)).or_else(|| {
            let (first, last) = values.ranges().first()?;
            // Within a network rather than at its edge.
            Some(if matches!(field, Field::Src | Field::Dst) && last - first > 1 {
                first + 1
            } else {
                *first
            })
        })
    }

    fn known(&self, field: Field) -> Vec<u128> {
        match field {
            Field::Ct => vec![0],
            Field::Iif | Field::Oif => vec![NO_NAME, name("eth0")],
            Field::Sport => vec![40_000],
            Field::Dport => vec![],
            Field::TcpFlags => vec![0x02, 0x10],
            Field::HopLimit => vec![64, 255],
            Field::IcmpType => vec![8, 128],
            Field::Proto | Field::IcmpCode => vec![],
            Field::Src | Field::Dst => {
                let texts = if field == Field::Src { SOURCES } else { DESTINATIONS };
                let parsed = texts.iter().filter_map(|text| text.parse::<IpAddr>().ok());
                parsed.filter(|a| a.is_ipv4() == (self.shape.bytes(field) == 4)).map(number).collect()
            }
        }
    }
}
