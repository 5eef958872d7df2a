//! The way of packets through the hooks: which base chains in which order, and where routing sends them.
//! Not here: what the chains do ([`super::walk`]).

use super::field::{Field, Shape, name};
use super::formula::{Clause, Condition, Values};
use super::load::states;
use super::program::Numbered;
use super::ranges::Ranges;
use super::state::{Instead, State, Tracking};
use super::walk::{Base, Route};
use crate::flow::{CtState, Direction};
use crate::judge::{Environment, Hooks};
use crate::table::ChainKind;
use crate::{ChainPolicy, Family, Hook};
use std::net::IpAddr;

/// The priority at which conntrack looks at a packet (`NF_IP_PRI_CONNTRACK` of `netfilter_ipv4.h`).
const CONNTRACK: i32 = -200;
/// The priorities at which nat looks, whatever its chains' own are (`NF_IP_PRI_NAT_DST`, `NF_IP_PRI_NAT_SRC`).
const NAT_DESTINATION: i32 = -100;
const NAT_SOURCE: i32 = 100;

/// The hooks that flows may meet, in order.
pub(super) fn met(direction: Direction, which: Hooks) -> &'static [Hook] {
    use Hook::{Forward, Input, Output, Postrouting, Prerouting};
    match (direction, which) {
        (Direction::In, Hooks::Filtering) => &[Input],
        (Direction::Out, Hooks::Filtering) => &[Output],
        (Direction::Forward, Hooks::Filtering) => &[Forward],
        (Direction::Out, Hooks::Whole) => &[Output, Postrouting],
        (_, Hooks::Whole) => &[Prerouting, Input, Forward, Postrouting],
    }
}

/// Whether chains of nat there are about the destination, and not about the source.
pub(super) fn is_about_destination(hook: Hook) -> bool {
    matches!(hook, Hook::Prerouting | Hook::Output)
}

impl Numbered<'_> {
    /// The base chains of a hook that flows of a shape meet, in the order in which Linux runs them: by priority,
    /// and of one priority the one that was hooked last first.
    pub(super) fn hooked(&self, hook: Hook, shape: Shape, values: &mut Values) -> Vec<Base> {
        let mut found = Vec::new();
        for (number, (table, chain)) in self.chains.iter().enumerate().rev() {
            let table = self.tables[*table].0;
            let sees = table.id.family == Family::Inet || table.id.family == shape.family;
            let Some(base) = chain.base.as_ref().filter(|base| base.hook == hook) else { continue };
            if sees && !table.flags.dormant {
                found.push((place(base.kind, hook, base.priority), number, base));
            }
        }
        found.sort_by_key(|(place, ..)| *place);
        let base = |(_, chain, base): (_, usize, &crate::BaseChain)| Base {
            chain,
            only: values.ask(if base.kind == ChainKind::Nat { opening(shape) } else { Condition::always() }),
            is_nat: base.kind == ChainKind::Nat,
            before_conntrack: is_about_destination(hook) && base.priority < CONNTRACK,
            accepts: base.policy == ChainPolicy::Accept,
        };
        found.into_iter().map(base).collect()
    }
}

fn place(kind: ChainKind, hook: Hook, priority: i32) -> (i32, Option<i32>) {
    match kind {
        ChainKind::Nat if is_about_destination(hook) => (NAT_DESTINATION, Some(priority)),
        ChainKind::Nat => (NAT_SOURCE, Some(priority)),
        _ => (priority, None),
    }
}

/// What opens a connection: chains of nat see nothing else. An error is about a connection that is there.
fn opening(shape: Shape) -> Condition {
    let is_icmp = shape.kind == super::Kind::Icmp;
    let opening = if is_icmp { states(&[CtState::New]) } else { states(&[CtState::New, CtState::Related]) };
    Condition(vec![Clause::field(Field::Ct, opening)])
}

/// What routes packets of a shape.
pub(super) fn route(shape: Shape, environment: &Environment, values: &mut Values) -> Route {
    let lo = Condition(vec![Clause::field(Field::Iif, Ranges::one(name("lo")))]);
    Route {
        shape,
        which: environment.hooks,
        loops_back: values.ask(if shape.direction == Direction::Out { Condition::never() } else { lo }),
        local: environment.local.as_ref().map(|local| local.iter().copied().collect()),
        networks: environment.networks.clone(),
    }
}

/// Where packets go on, that have left the last chain of a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    To(Hook),
    /// To this host or on to another: it is not known.
    InputOrForward,
    Through,
}

impl Route {
    /// The way on.
    pub(super) fn next(&self, hook: Hook, state: &State) -> Next {
        match (self.which, hook) {
            (Hooks::Filtering, _) | (_, Hook::Input | Hook::Postrouting) => Next::Through,
            (_, Hook::Forward | Hook::Output) => Next::To(Hook::Postrouting),
            _ => self.routed(state),
        }
    }

    /// The routing decision. Packets whose destination was not translated go where their flows say.
    fn routed(&self, state: &State) -> Next {
        let to = |is_mine: bool| Next::To(if is_mine { Hook::Input } else { Hook::Forward });
        match state.instead(Field::Dst) {
            _ if state.to_host => to(true),
            None => to(self.shape.direction == Direction::In),
            Some(Instead::Any) => Next::InputOrForward,
            Some(Instead::One(dst)) => {
                let dst = super::address(self.shape.family, dst);
                match &self.local {
                    _ if dst.is_loopback() => to(true),
                    Some(local) => to(local.contains(&dst)),
                    None => Next::InputOrForward,
                }
            }
        }
    }

    /// Packets at the hook that they have come to.
    pub(super) fn arrive(&self, state: &mut State, hook: Hook) {
        let is_translated = state.instead(Field::Dst).is_some();
        let leaves = match hook {
            Hook::Forward => true,
            Hook::Postrouting => self.shape.direction == Direction::Out && is_translated,
            _ => false,
        };
        if leaves {
            let device = self.leaves_by(state);
            match device {
                Some(device) => state.instead.insert(Field::Oif, device),
                None => state.instead.remove(&Field::Oif),
            };
        }
        if hook == Hook::Forward && self.which == Hooks::Whole {
            // Linux counts a hop before the hook sees a packet.
            state.instead.insert(Field::HopLimit, Instead::Any);
        }
        state.tracked = true;
        if state.tracking == Tracking::NotYet {
            state.tracking = Tracking::Seen;
        }
    }

    /// The interface that packets leave by; none: the flow's own.
    fn leaves_by(&self, state: &State) -> Option<Instead> {
        let has_own = self.shape.fields().contains(&Field::Oif);
        let named = |device: &str| Some(Instead::One(name(device)));
        match state.instead(Field::Dst) {
            None if has_own => None,
            Some(Instead::One(dst)) => {
                let dst = super::address(self.shape.family, dst);
                let is_mine = self.local.as_ref().is_some_and(|local| local.contains(&dst));
                let near = self.networks.iter().filter(|network| network.holds(dst));
                match near.max_by_key(|network| network.prefix_len) {
                    _ if dst.is_loopback() || is_mine => named("lo"),
                    Some(network) if !has_own || self.shape.direction == Direction::Out => {
                        named(&network.interface)
                    }
                    _ => Some(Instead::Any),
                }
            }
            _ => Some(Instead::Any),
        }
    }
}

/// The address of loopback.
pub(super) fn loopback(family: Family) -> IpAddr {
    if family == Family::Ip {
        IpAddr::from([127, 0, 0, 1])
    } else {
        IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1u16])
    }
}
