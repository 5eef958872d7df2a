//! Flow spaces that somebody names: by values of fields; and what somebody wants of them.
//! Not here: what rulesets make of them ([`super::walk`]).

use super::compile::{End, Step};
use super::field::{Field, Kind, Shape};
use super::formula::{Ask, Clause, Condition, Values, View};
use super::hooks;
use super::ranges::Ranges;
use super::walk::{Base, Program};
use crate::flow::Direction;
use crate::judge::Environment;
use crate::{Family, Hook};
use std::collections::BTreeMap;

/// Flows with some values of some fields. Nothing named is every flow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Region {
    /// These directions; none named is every one.
    pub direction: Option<Direction>,
    /// IPv4 or IPv6 alone.
    pub family: Option<Family>,
    /// This layer 4 alone.
    pub kind: Option<Kind>,
    /// Values by field. A field that a shape has not holds of no flow of it.
    pub fields: BTreeMap<Field, Ranges>,
}

impl Region {
    /// Every flow of a direction.
    pub fn of(direction: Direction) -> Region {
        Region { direction: Some(direction), ..Region::default() }
    }

    /// Those of them with these values.
    #[must_use]
    pub fn with(mut self, field: Field, values: Ranges) -> Region {
        let both = match self.fields.get(&field) {
            Some(own) => own.and(&values),
            None => values,
        };
        self.fields.insert(field, both);
        self
    }

    /// Those of a family.
    #[must_use]
    pub fn family(self, family: Family) -> Region {
        Region { family: Some(family), ..self }
    }

    /// Those of a layer 4.
    #[must_use]
    pub fn kind(self, kind: Kind) -> Region {
        Region { kind: Some(kind), ..self }
    }

    /// Its flows of a shape.
    pub(super) fn asks(&self, shape: Shape, values: &mut Values) -> Vec<Ask> {
        let Region { direction, family, kind, fields } = self;
        let own = shape.fields();
        let is_of_shape = direction.is_none_or(|d| d == shape.direction)
            && family.is_none_or(|f| f == shape.family)
            && kind.is_none_or(|k| k == shape.kind)
            && fields.keys().all(|field| own.contains(field));
        if !is_of_shape {
            return Vec::new();
        }
        let within =
            |(field, ranges): (&Field, &Ranges)| ((*field, View::Now), ranges.and(&shape.domain(*field)));
        let clause = Clause { fields: fields.iter().map(within).collect(), ..Clause::default() };
        values.ask(Condition(vec![clause]))
    }
}

/// What is wanted of flows: the first rule with them decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Specification {
    /// Regions, each with what becomes of its flows.
    pub rules: Vec<(Region, Wanted)>,
}

/// What is wanted of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// It passes.
    Accept,
    /// It does not.
    Refuse,
    /// Either will do.
    Any,
}

impl Specification {
    /// One chain; what no rule names passes.
    pub(super) fn program(&self, shape: Shape, values: &mut Values) -> Program {
        let rules = self.rules.iter().map(|(region, wanted)| {
            let guard = Step::Guard { asks: region.asks(shape, values), invert: false };
            let end = match wanted {
                Wanted::Accept => End::Accept,
                Wanted::Refuse => End::Drop,
                Wanted::Any => End::Unknown,
            };
            vec![guard, Step::End(end)]
        });
        let chains = vec![rules.collect()];
        let only = values.ask(Condition::always());
        let base = Base { chain: 0, only, is_nat: false, before_conntrack: false, accepts: true };
        let route = hooks::route(shape, &Environment::default(), values);
        Program { chains, hooked: vec![(Hook::Input, vec![base])], route }
    }
}
