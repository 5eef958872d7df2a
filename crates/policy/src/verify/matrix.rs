//! Who reaches what in the cluster: every source against every service, by the planned rulesets of all nodes.
//! Not here: what the catalogue says of it; this is what the rules do.

use super::ends::{End, FAMILIES, single, to_ports};
use super::fleet::{Class, Fleet};
use super::intent::values;
use crate::catalogue::NODE;
use crate::plan::{Permit, Plan};
use crate::{Network, PortRange, Proto, RoleName};
use rolewall_ruleset::Ruleset;
use rolewall_ruleset::flow::{CtState, Direction};
use rolewall_ruleset::judge::Environment;
use rolewall_ruleset::space::{
    CT_STATES, Field, Kind, Question, Ranges, Region, Source, Space, Study, TooLarge, study,
};
use std::collections::BTreeMap;

/// The whole matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    /// Who asks.
    pub rows: Vec<Row>,
    /// Who is asked.
    pub columns: Vec<Column>,
    /// By row and column.
    pub cells: Vec<Vec<Cell>>,
}

/// Sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// A role, or a zone.
    pub name: String,
    /// The network that they come by; none: either.
    pub network: Option<Network>,
    /// Addresses by family.
    addresses: [Ranges; 2],
}

/// A service of a role's nodes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    /// The role; `node` is every node's.
    pub role: RoleName,
    /// The service.
    pub service: String,
}

/// How many of the new flows from a row to a column's ports pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// There is nobody to ask, or nobody who asks.
    Nobody,
    /// All of them.
    All,
    /// Some of them: some addresses, families, ports or nodes.
    Some,
    /// Not one.
    None,
    /// Some may: it cannot be known.
    May,
}

/// One source and one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    /// The ports that were asked about, at all nodes together.
    pub asked: Vec<PortRange>,
    /// Those where some flow passes.
    pub open: Vec<PortRange>,
    /// Those where some flow may pass, and none surely does.
    pub may: Vec<PortRange>,
    /// Some flow does not surely pass.
    stops: bool,
}

impl Cell {
    /// The cell in a word.
    pub fn reach(&self) -> Reach {
        let Cell { asked, open, may, stops } = self;
        match (asked.is_empty(), open.is_empty(), may.is_empty()) {
            (true, ..) => Reach::Nobody,
            (_, false, _) if !stops => Reach::All,
            (_, false, _) => Reach::Some,
            (_, true, false) => Reach::May,
            (_, true, true) => Reach::None,
        }
    }
}

/// Computes it: a study for each class of nodes.
pub fn matrix(fleet: &Fleet<'_>) -> Result<Matrix, TooLarge> {
    let rows = fleet.rows();
    let mut found: BTreeMap<Column, Vec<Found>> = BTreeMap::new();
    for class in fleet.classes() {
        let plan = fleet.plan(&class);
        let columns = columns(fleet, &class, &plan);
        for column in columns.keys() {
            found.entry(column.clone()).or_insert_with(|| vec![Found::default(); rows.len()]);
        }
        if !columns.is_empty() {
            of_class((fleet, &class, &fleet.lowered(&plan)), &rows, &columns, &mut found)?;
        }
    }
    let (columns, by_column): (Vec<Column>, Vec<Vec<Found>>) = found.into_iter().unzip();
    let row = |at: usize| by_column.iter().map(|cells| cells[at].cell()).collect();
    Ok(Matrix { cells: (0..rows.len()).map(row).collect(), rows, columns })
}

/// What a class's nodes serve, and where: on the ports that the plan opens to anybody, else on those that it
/// would.
fn columns(fleet: &Fleet<'_>, class: &Class, plan: &Plan) -> BTreeMap<Column, Vec<PortRange>> {
    let roles = fleet.basis.catalogue.roles.values();
    let own = roles.filter(|role| role.name.0 == NODE || class.me.roles.contains(&role.name));
    let services = own.flat_map(|role| {
        role.services.iter().enumerate().map(move |(position, service)| {
            let is_its =
                |permit: &&Permit| permit.why.role == role.name && permit.why.service == service.name;
            let usual = || class.me.ports_of(role, position, service);
            let ports = plan.inbound.iter().find(is_its).map_or_else(usual, |permit| permit.ports.clone());
            (Column { role: role.name.clone(), service: service.name.clone() }, ports)
        })
    });
    services.filter(|(_, ports)| !ports.is_empty()).collect()
}

impl Fleet<'_> {
    /// Every source that has addresses: roles by the private network, zones by theirs.
    fn rows(&self) -> Vec<Row> {
        let plan = self.this.plan;
        let inner = |family| values(family, &plan.private);
        let of = |end: End, network| {
            FAMILIES.map(|family| self.addresses(std::slice::from_ref(&end), family, network))
        };
        let row = |name: &str, network, addresses| Row { name: name.to_owned(), network, addresses };
        let (private, public) = (Some(Network::Private), Some(Network::Public));
        let roles = self.basis.catalogue.roles.keys().filter(|role| role.0 != NODE);
        let mut rows: Vec<Row> =
            roles.map(|role| row(&role.0, private, of(End::Role(role.clone()), private))).collect();
        let others = FAMILIES.map(|family| {
            let nodes = self.addresses(&[End::Nodes], family, None);
            inner(family).and(&nodes.complement(u128::MAX))
        });
        rows.push(row("private", private, others));
        rows.push(row("public", public, of(End::Public, None)));
        let outside = |end: End| {
            FAMILIES.map(|family| {
                self.addresses(std::slice::from_ref(&end), family, None)
                    .and(&inner(family).complement(u128::MAX))
            })
        };
        rows.push(row("admin", public, outside(End::Admin)));
        rows.push(row("admin", private, self.admins_inside()));
        rows.push(row("trunks", public, outside(End::Trunks)));
        rows.push(row("trusted", None, of(End::Trusted, None)));
        rows.retain(|row| row.addresses.iter().any(|addresses| !addresses.is_empty()));
        rows
    }

    /// By an interface of the private network any, else those within its prefixes.
    fn admins_inside(&self) -> [Ranges; 2] {
        let plan = self.this.plan;
        let by_interface = !plan.private_interfaces.is_empty();
        FAMILIES.map(|family| {
            let admins = values(family, &plan.admin);
            if by_interface { admins } else { admins.and(&values(family, &plan.private)) }
        })
    }
}

/// Ports by protocol, as far as they are known of a cell.
#[derive(Debug, Clone, Default)]
struct Found {
    asked: BTreeMap<Proto, Ranges>,
    open: BTreeMap<Proto, Ranges>,
    may: BTreeMap<Proto, Ranges>,
    stops: bool,
}

impl Found {
    fn cell(&self) -> Cell {
        let ranges = |of: &BTreeMap<Proto, Ranges>| {
            of.iter().flat_map(|(proto, values)| port_ranges(*proto, values)).collect::<Vec<_>>()
        };
        let without_open = |(proto, values): (&Proto, &Ranges)| {
            let open = self.open.get(proto).cloned().unwrap_or_default();
            (*proto, values.and(&open.complement(u128::MAX)))
        };
        let may = self.may.iter().map(without_open).collect();
        Cell { asked: ranges(&self.asked), open: ranges(&self.open), may: ranges(&may), stops: self.stops }
    }
}

/// Ports again.
pub(super) fn port_ranges(proto: Proto, values: &Ranges) -> Vec<PortRange> {
    let port = |number: u128| u16::try_from(number).unwrap_or(u16::MAX);
    let range = |(first, last): &(u128, u128)| PortRange { proto, first: port(*first), last: port(*last) };
    values.ranges().iter().map(range).collect()
}

/// The protocol of a layer 4 with ports.
pub(super) fn proto(kind: Kind) -> Option<Proto> {
    match kind {
        Kind::Tcp => Some(Proto::Tcp),
        Kind::Udp => Some(Proto::Udp),
        Kind::Sctp => Some(Proto::Sctp),
        Kind::Icmp | Kind::Other => None,
    }
}

fn of_class(
    (fleet, class, ruleset): (&Fleet<'_>, &Class, &Ruleset),
    rows: &[Row],
    columns: &BTreeMap<Column, Vec<PortRange>>,
    found: &mut BTreeMap<Column, Vec<Found>>,
) -> Result<(), TooLarge> {
    // Two of each: by family.
    let mut regions: Vec<Region> = rows.iter().flat_map(|row| sources(fleet, class, row)).collect();
    let mut places = Vec::new();
    for (column, ports) in columns {
        let from = regions.len();
        regions.extend(to_ports(&Region::of(Direction::In), FAMILIES[0], Some(ports)));
        places.push((column, from..regions.len()));
    }
    let (sources, directions) = ([Source::Ruleset(ruleset)], [Direction::In]);
    let environment = Environment::default();
    let question =
        Question { sources: &sources, regions: &regions, environment: &environment, directions: &directions };
    study(question, |mut study| {
        let Some(proto) = proto(study.shape.kind) else { return };
        for (column, ports) in &places {
            let asked = ports.clone().fold(Space::NONE, |all, at| study.or(all, study.regions[at]));
            let Some(cells) = found.get_mut(*column).filter(|_| !asked.is_empty()) else { continue };
            for (at, cell) in cells.iter_mut().enumerate() {
                let from = study.or(study.regions[2 * at], study.regions[2 * at + 1]);
                let meant = study.and(from, asked);
                cell.add(&mut study, proto, meant);
            }
        }
    })
}

impl Found {
    fn add(&mut self, study: &mut Study, proto: Proto, meant: Space) {
        if meant.is_empty() {
            return;
        }
        let surely = study.surely(0);
        let (open, may) = (study.and(meant, surely), study.and(meant, study.fates[0].accept));
        self.stops |= open != meant;
        for (space, into) in [(meant, &mut self.asked), (open, &mut self.open), (may, &mut self.may)] {
            let values = study.values(space, Field::Dport);
            let known = into.entry(proto).or_default();
            *known = known.or(&values);
        }
    }
}

/// The new flows of a row. A class's only node is none of those who ask it.
fn sources(fleet: &Fleet<'_>, class: &Class, row: &Row) -> [Region; 2] {
    let new = CT_STATES.iter().position(|state| *state == CtState::New).unwrap_or_default();
    let base = Region::of(Direction::In)
        .with(Field::Ct, Ranges::one(new as u128))
        .with(Field::Iif, fleet.interfaces(row.network));
    let own = match class.members.as_slice() {
        [alone] => FAMILIES.map(|family| single(family, alone.addresses(None))),
        _ => [Ranges::NONE, Ranges::NONE],
    };
    let of = |at: usize| {
        let others = row.addresses[at].and(&own[at].complement(u128::MAX));
        base.clone().family(FAMILIES[at]).with(Field::Src, others)
    };
    [of(0), of(1)]
}
