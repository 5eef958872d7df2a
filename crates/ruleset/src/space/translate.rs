//! Translations of addresses: what is known of them before a packet comes, and what they do to packets.
//! Not here: where packets are sent then ([`super::hooks`]).

use super::compile::{Compiled, Compiler, Step};
use super::field::{Field, Kind, number};
use super::formula::{Ask, Clause, Condition};
use super::hooks::loopback;
use super::ranges::Ranges;
use super::registers::{Held, Registers};
use super::state::{Instead, Truth};
use super::walk::{Live, Walk};
use crate::expr::{NatFlags, NatKind};
use crate::xt::{self, TranslationKind};
use crate::{Expr, Family, Hook, Reg};

/// What an address or a port becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    Same,
    One(u128),
    /// An address of this host.
    Host,
    /// Something else, or the same: it is not known.
    Any,
}

/// A translation of one end.
#[derive(Debug)]
pub(super) struct Translation {
    pub(super) end: NatKind,
    pub(super) address: To,
    pub(super) port: To,
    /// What has that address, that port already.
    pub(super) same_address: Vec<Ask>,
    pub(super) same_port: Vec<Ask>,
    /// The destination is this host then.
    pub(super) to_host: bool,
}

impl Compiler<'_, '_> {
    /// `nat` of another family than the packet's goes on; else the packet is accepted by this chain.
    pub(super) fn nat(&mut self, expr: &Expr, registers: &Registers) -> Compiled {
        let step = match expr {
            Expr::Nat { family: Family::Ip | Family::Ip6, .. } if !self.is_of_family(expr) => {
                return Compiled::Nothing;
            }
            Expr::Nat { kind, addresses, ports, flags, .. } => {
                let address = self.address_to(registers, *addresses, *flags);
                self.translation(*kind, address, port_to(registers, *ports, *flags))
            }
            Expr::Redirect { ports, flags } => {
                self.translation(NatKind::Destination, To::Host, port_to(registers, *ports, *flags))
            }
            Expr::Masquerade { ports, flags } => {
                self.translation(NatKind::Source, To::Any, port_to(registers, *ports, *flags))
            }
            _ => return Compiled::Nothing,
        };
        Compiled::Steps(vec![step])
    }

    fn is_of_family(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Nat { family, .. } if *family == self.shape.family)
    }

    /// A target of iptables that translates.
    pub(super) fn xt_translation(&mut self, to: &xt::Translation, is_before_routing: Option<bool>) -> Step {
        let port = match to.ports {
            _ if to.scattered => To::Any,
            None => To::Same,
            Some((first, last)) => between(u128::from(first), u128::from(last)),
        };
        let range = to
            .addresses
            .map_or(To::Same, |(first, last)| between(self.xt_number(&first), self.xt_number(&last)));
        match to.kind {
            TranslationKind::Source => self.translation(NatKind::Source, range, port),
            TranslationKind::Destination => self.translation(NatKind::Destination, range, port),
            TranslationKind::Masquerade => self.translation(NatKind::Source, To::Any, port),
            TranslationKind::Redirect => self.translation(NatKind::Destination, To::Host, port),
            TranslationKind::Netmap => {
                let end =
                    if is_before_routing == Some(false) { NatKind::Source } else { NatKind::Destination };
                self.translation(end, To::Any, To::Same)
            }
        }
    }

    fn translation(&mut self, end: NatKind, address: To, port: To) -> Step {
        let (address_field, port_field) = match end {
            NatKind::Source => (Field::Src, Field::Sport),
            NatKind::Destination => (Field::Dst, Field::Dport),
        };
        let has_ports = matches!(self.shape.kind, Kind::Tcp | Kind::Udp | Kind::Sctp);
        let port = if has_ports { port } else { To::Same };
        let to_host = address == To::Host;
        let (same_address, same_port) = (self.same(address_field, address), self.same(port_field, port));
        Step::Translate(Translation { end, address, port, same_address, same_port, to_host })
    }

    fn same(&mut self, field: Field, to: To) -> Vec<Ask> {
        let value = match to {
            To::One(value) => value,
            // Of what goes out, that is loopback.
            To::Host => number(loopback(self.shape.family)),
            To::Same | To::Any => return Vec::new(),
        };
        self.values.ask(Condition(vec![Clause::field(field, Ranges::one(value))]))
    }

    fn address_to(&self, registers: &Registers, range: Option<(Reg, Reg)>, flags: NatFlags) -> To {
        let len = usize::from(self.shape.bytes(Field::Src));
        match range {
            None => To::Same,
            Some(_) if flags.netmap => To::Any,
            Some((first, last)) => match (constant(registers, first, len), constant(registers, last, len)) {
                (Some(first), Some(last)) => between(first, last),
                _ => To::Any,
            },
        }
    }

    /// An address as extensions have it: of IPv4 the first four bytes.
    pub(super) fn xt_number(&self, address: &xt::Address) -> u128 {
        match self.shape.family {
            Family::Ip => number([address[0], address[1], address[2], address[3]].into()),
            _ => u128::from_be_bytes(*address),
        }
    }
}

fn port_to(registers: &Registers, ports: Option<(Reg, Reg)>, flags: NatFlags) -> To {
    match ports {
        _ if flags.random || flags.fully_random => To::Any,
        None => To::Same,
        Some((first, last)) => match (constant(registers, first, 2), constant(registers, last, 2)) {
            (Some(first), Some(last)) => between(first, last),
            _ => To::Any,
        },
    }
}

fn between(first: u128, last: u128) -> To {
    if first == last { To::One(first) } else { To::Any }
}

fn constant(registers: &Registers, reg: Reg, len: usize) -> Option<u128> {
    registers.read(reg, len).iter().try_fold(0, |number, byte| match byte {
        Held::Is(value) => Some(number << 8 | u128::from(*value)),
        _ => None,
    })
}

impl Walk<'_> {
    /// One end of packets is something else from here on.
    pub(super) fn translate(&mut self, live: Live, translation: &Translation) -> Live {
        let Translation { end, address, port, to_host, .. } = translation;
        let (address_field, port_field) = match end {
            NatKind::Source => (Field::Src, Field::Sport),
            NatKind::Destination => (Field::Dst, Field::Dport),
        };
        let address = match address {
            To::Host if self.hook == Hook::Output => {
                To::One(number(loopback(self.program.route.shape.family)))
            }
            other => *other,
        };
        let after_address = self.replaced(live, address_field, address, &translation.same_address);
        let mut done = Live::new();
        for (was_changed, live) in after_address {
            for (port_changed, live) in self.replaced(live, port_field, *port, &translation.same_port) {
                let changed = was_changed.or(port_changed);
                let live = self.changed(live, |state| match end {
                    NatKind::Source => (state.snat, state.bound.1) = (state.snat.or(changed), true),
                    NatKind::Destination => {
                        (state.dnat, state.bound.0) = (state.dnat.or(changed), true);
                        state.to_host |= *to_host;
                    }
                });
                self.join(&mut done, live);
            }
        }
        done
    }

    /// Packets with a field as it was, and those with another value; each with whether it was changed.
    fn replaced(&mut self, live: Live, field: Field, to: To, same: &[Ask]) -> Vec<(Truth, Live)> {
        match to {
            To::Same => vec![(Truth::No, live)],
            To::Any | To::Host => {
                let live = self.changed(live, |state| {
                    state.instead.insert(field, Instead::Any);
                });
                vec![(Truth::Unknown, live)]
            }
            To::One(value) => {
                let (as_it_was, other) = self.split(live, same, false);
                let other = self.changed(other, |state| {
                    state.instead.insert(field, Instead::One(value));
                });
                vec![(Truth::No, as_it_was), (Truth::Yes, other)]
            }
        }
    }
}
