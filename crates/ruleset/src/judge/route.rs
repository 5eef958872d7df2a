//! The way of a packet through the hooks: which base chains in which order, and where routing sends it.
//! Not here: what the chains do ([`super::machine`]).
//!
//! | direction | [`Hooks::Filtering`] | [`Hooks::Whole`] |
//! |---|---|---|
//! | in | input | prerouting, then input; or forward and postrouting where its destination was translated to another host |
//! | out | output | output, postrouting |
//! | forward | forward | prerouting, then forward and postrouting; or input where its destination was translated to this host |
//!
//! At a hook, base chains run by priority, those of one priority the last hooked first. Chains of nat are an
//! exception, as in Linux: whatever their priorities, they run one after the other where nat runs (-100 at
//! prerouting and output, 100 at input and postrouting), the first that translates ends them, and only a
//! packet that opens a connection meets them. ASSUMPTION: filter chains of just that priority come before.

use super::index::Hooked;
use super::packet::End;
use super::registers::Truth;
use super::way::{Device, State};
use super::{Environment, Hooks, Judge};
use crate::flow::Direction;
use crate::table::ChainKind;
use crate::{Family, Flow, Hook};
use std::net::IpAddr;

/// The priority at which conntrack looks at a packet (`NF_IP_PRI_CONNTRACK` of `netfilter_ipv4.h`).
pub(super) const CONNTRACK: i32 = -200;
/// The priorities at which nat looks (`NF_IP_PRI_NAT_DST`, `NF_IP_PRI_NAT_SRC`).
const NAT_DESTINATION: i32 = -100;
const NAT_SOURCE: i32 = 100;

/// The base chains of the five hooks, in order.
#[derive(Debug, Default)]
pub(super) struct Chains<'r>([Vec<Hooked<'r>>; 5]);

impl<'r> Chains<'r> {
    /// Those that a flow may meet.
    pub(super) fn of(judge: &Judge<'r>, flow: &Flow) -> Chains<'r> {
        let family = if flow.src.is_ipv4() { Family::Ip } else { Family::Ip6 };
        let mut chains = Chains::default();
        for hook in met(flow.direction, judge.environment.hooks) {
            let mut at: Vec<_> = judge.index.at(*hook, family).collect();
            at.sort_by_key(|hooked| order(hooked, *hook));
            chains.0[place(*hook)] = at;
        }
        chains
    }

    pub(super) fn at(&self, hook: Hook) -> &[Hooked<'r>] {
        &self.0[place(hook)]
    }
}

fn place(hook: Hook) -> usize {
    match hook {
        Hook::Prerouting | Hook::Ingress | Hook::Egress => 0,
        Hook::Input => 1,
        Hook::Forward => 2,
        Hook::Output => 3,
        Hook::Postrouting => 4,
    }
}

fn order(hooked: &Hooked<'_>, hook: Hook) -> (i32, Option<i32>) {
    match (hooked.kind, hook) {
        (ChainKind::Nat, Hook::Prerouting | Hook::Output) => (NAT_DESTINATION, Some(hooked.priority)),
        (ChainKind::Nat, _) => (NAT_SOURCE, Some(hooked.priority)),
        _ => (hooked.priority, None),
    }
}

/// Every hook that a packet may meet; the first is where it begins.
fn met(direction: Direction, which: Hooks) -> &'static [Hook] {
    use Hook::{Forward, Input, Output, Postrouting, Prerouting};
    match (direction, which) {
        (Direction::In, Hooks::Filtering) => &[Input],
        (Direction::Out, Hooks::Filtering) => &[Output],
        (Direction::Forward, Hooks::Filtering) => &[Forward],
        (Direction::Out, Hooks::Whole) => &[Output, Postrouting],
        (_, Hooks::Whole) => &[Prerouting, Input, Forward, Postrouting],
    }
}

/// Where a flow begins.
pub(super) fn first(direction: Direction, which: Hooks) -> Hook {
    met(direction, which)[0]
}

/// Whether a chain of nat at a hook is about the destination, and not about the source.
pub(super) fn is_about_destination(hook: Hook) -> bool {
    matches!(hook, Hook::Prerouting | Hook::Output)
}

/// Whether a packet meets a base chain now.
pub(super) fn meets(state: &State<'_>, hooked: &Hooked<'_>) -> bool {
    let is_bound = if is_about_destination(hooked.hook) { state.bound.0 } else { state.bound.1 };
    hooked.kind != ChainKind::Nat || (state.opens() && !is_bound)
}

/// Where a packet goes on, that has left the last chain of a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// To that hook.
    To(Hook),
    /// To this host or on to another: it is not known.
    InputOrForward,
    /// It is through.
    Through,
}

/// The way on.
pub(super) fn next(hook: Hook, flow: &Flow, state: &State<'_>, environment: &Environment) -> Next {
    match (environment.hooks, hook) {
        (Hooks::Filtering, _) | (_, Hook::Input | Hook::Postrouting) => Next::Through,
        (_, Hook::Forward | Hook::Output) => Next::To(Hook::Postrouting),
        _ => match is_for_host(flow, state, environment) {
            Truth::Yes => Next::To(Hook::Input),
            Truth::No => Next::To(Hook::Forward),
            Truth::Unknown => Next::InputOrForward,
        },
    }
}

/// The routing decision. A packet whose destination was not translated goes where the flow says.
fn is_for_host(flow: &Flow, state: &State<'_>, environment: &Environment) -> Truth {
    match (state.to_host, state.dst()) {
        (Some(to_host), _) => Truth::of(to_host),
        (None, Some(dst)) if dst == flow.dst => Truth::of(flow.direction == Direction::In),
        (None, Some(dst)) if dst.is_loopback() => Truth::Yes,
        (None, dst) => {
            let mine = |dst: IpAddr| environment.local.as_ref().map(|local| local.contains(&dst));
            Truth::option(dst.and_then(mine))
        }
    }
}

/// The packet at the hook that it has come to.
pub(super) fn arrive(state: &mut State<'_>, hook: Hook, flow: &Flow, environment: &Environment) {
    match hook {
        Hook::Forward => {
            state.oif = leaves_by(flow, state, environment);
            // Linux counts a hop before the hook sees the packet.
            state.packet.set_hop_limit(state.packet.hop_limit().map(|hops| hops.saturating_sub(1)));
        }
        Hook::Postrouting if flow.direction == Direction::Out && state.dst() != Some(flow.dst) => {
            state.oif = leaves_by(flow, state, environment);
        }
        _ => {}
    }
    state.tracked = true;
}

/// The interface that a packet leaves by: the flow's own if it has one or is as it was, else that of the
/// network which the destination is in.
fn leaves_by(flow: &Flow, state: &State<'_>, environment: &Environment) -> Device {
    let dst = state.packet.address(End::Destination);
    let is_mine = |dst: IpAddr| environment.local.as_ref().is_some_and(|local| local.contains(&dst));
    match dst {
        Some(dst) if dst == flow.dst => Device::of(flow.oif.as_ref()),
        Some(dst) if dst.is_loopback() || is_mine(dst) => Device::Named("lo".to_owned()),
        _ if flow.oif.is_some() && flow.direction != Direction::Out => Device::of(flow.oif.as_ref()),
        Some(dst) => environment.network_of(dst).map_or(Device::Unknown, |n| Device::of(Some(&n.interface))),
        None => Device::Unknown,
    }
}
