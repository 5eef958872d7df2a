//! One way that a packet may have come, up to here: its place, and what is known of it.
//! Not here: what moves it on ([`super::machine`], [`super::route`]).

use super::packet::{End, Packet};
use super::registers::{Registers, Truth};
use crate::flow::{CtState, Direction, L4};
use crate::{Chain, Element, Flow, Hook, Rule, Set, Value};
use std::net::IpAddr;

/// A place in a chain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'r> {
    pub(super) chain: &'r Chain,
    pub(super) rule: usize,
    pub(super) expr: usize,
}

impl<'r> Frame<'r> {
    pub(super) fn start(chain: &'r Chain) -> Frame<'r> {
        Frame { chain, rule: 0, expr: 0 }
    }

    pub(super) fn rule(&self) -> Option<&'r Rule> {
        self.chain.rules.get(self.rule)
    }

    pub(super) fn next_rule(&mut self) {
        (self.rule, self.expr) = (self.rule + 1, 0);
    }

    /// Told apart from every other place: a chain is borrowed and does not move.
    fn place(&self) -> (usize, usize) {
        (std::ptr::from_ref(self.chain).addr(), self.rule)
    }
}

/// An interface as a rule sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Device {
    /// A packet has none at this hook.
    Absent,
    /// By this name.
    Named(String),
    /// Some interface that no rule names.
    Other,
    /// Any, of those that rules name too.
    Unknown,
}

impl Device {
    pub(super) fn of(name: Option<&String>) -> Device {
        name.map_or(Device::Other, |name| Device::Named(name.clone()))
    }
}

/// What is known of a packet and its connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State<'f> {
    pub(super) packet: Packet<'f>,
    pub(super) iif: Device,
    pub(super) oif: Device,
    /// What conntrack says, or will say once it has seen the packet.
    pub(super) ct: CtState,
    /// Conntrack has seen it.
    pub(super) tracked: bool,
    /// A rule said not to track it.
    pub(super) notrack: bool,
    /// The packet's mark, if it is known.
    pub(super) mark: Option<u32>,
    /// The connection's mark, if it is known.
    pub(super) ct_mark: Option<u32>,
    /// The connection's destination is translated.
    pub(super) dnat: Truth,
    /// The connection's source is translated.
    pub(super) snat: Truth,
    /// Chains of nat have made up their minds about the destination, about the source.
    pub(super) bound: (bool, bool),
    /// Whether the destination is this host, where a rule made it so.
    pub(super) to_host: Option<bool>,
    /// A rule has changed what `meta pkttype` says.
    pub(super) type_changed: bool,
    /// Ipsets that rules have changed.
    pub(super) changed_sets: Vec<u16>,
}

impl<'f> State<'f> {
    /// The packet as it comes in or goes out.
    pub(super) fn of(flow: &'f Flow, first: Hook) -> State<'f> {
        let is_new = flow.ct == CtState::New;
        let untranslated = if is_new { Truth::No } else { Truth::Unknown };
        let mut state = State {
            packet: Packet::of(flow),
            iif: Device::of(flow.iif.as_ref()),
            oif: Device::of(flow.oif.as_ref()),
            ct: flow.ct,
            tracked: !matches!(first, Hook::Prerouting | Hook::Output),
            notrack: false,
            mark: Some(0),
            ct_mark: is_new.then_some(0),
            dnat: untranslated,
            snat: untranslated,
            bound: (false, false),
            to_host: None,
            type_changed: false,
            changed_sets: Vec::new(),
        };
        if flow.direction == Direction::Out {
            state.iif = Device::Absent;
        }
        if first == Hook::Input || first == Hook::Prerouting {
            state.oif = Device::Absent;
        }
        // What loops back was tracked, and its destination translated, on its way out.
        if first == Hook::Prerouting && state.iif == Device::Named("lo".to_owned()) {
            (state.tracked, state.bound.0) = (true, true);
        }
        state
    }

    pub(super) fn dst(&self) -> Option<IpAddr> {
        self.packet.address(End::Destination)
    }

    /// Whether the packet opens a connection, which is when chains of nat are asked.
    pub(super) fn opens(&self) -> bool {
        let is_error = matches!(self.packet.l4(), L4::Icmp { .. } | L4::Icmpv6 { .. });
        self.ct == CtState::New || self.ct == CtState::Related && !is_error
    }
}

/// An element that a rule added to a set, or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct SetChange<'r> {
    /// The table's place, and the set's name.
    pub(super) set: (usize, &'r str),
    /// None: some key that is not known.
    pub(super) key: Option<Value>,
    /// It is there now; else it is not.
    pub(super) is_there: bool,
}

/// One way.
#[derive(Debug, Clone)]
pub(super) struct Way<'r, 'f> {
    /// The hook, and which of its base chains.
    pub(super) hook: Hook,
    pub(super) at: usize,
    pub(super) frame: Frame<'r>,
    pub(super) callers: Vec<Frame<'r>>,
    pub(super) registers: Registers,
    pub(super) state: State<'f>,
    /// What rules did to sets, in order.
    pub(super) changes: Vec<SetChange<'r>>,
    /// The rule went on because of a rate.
    pub(super) by_rate: bool,
    /// The element that the rule found last.
    pub(super) element: Option<(&'r Set, &'r Element)>,
}

/// What becomes of a way is the same wherever this is. Registers are not part of it: Linux loads no rule that
/// reads one before it writes it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Place<'r, 'f> {
    hook: Hook,
    at: usize,
    frames: Vec<(usize, usize)>,
    state: State<'f>,
    changes: Vec<SetChange<'r>>,
}

impl<'r, 'f> Way<'r, 'f> {
    /// On to the next rule of the chain.
    pub(super) fn next_rule(&mut self) {
        (self.by_rate, self.element) = (false, None);
        self.frame.next_rule();
    }

    /// Where it is, at the beginning of a rule.
    pub(super) fn place(&self) -> Place<'r, 'f> {
        Place {
            hook: self.hook,
            at: self.at,
            frames: [self.frame].iter().chain(&self.callers).map(Frame::place).collect(),
            state: self.state.clone(),
            changes: self.changes.clone(),
        }
    }
}
