//! The headers that a rule has established so far, and the names of fields under them.
//! Not here: the words of whole statements ([`super::rule`]).
//!
//! A match that only establishes a header (`meta l4proto tcp`) is left unsaid once a later field names
//! that header (`tcp dport 22`), as nft leaves it.

use super::elements::Column;
use super::header::{ANY_TRANSPORT, Field, Header, IP, IP6, transport};
use super::operand::{Operand, Source, ct_name, fib_name, meta_name};
use super::value::{Kind, Order, number, spell};
use crate::Family;
use crate::expr::{MetaKey, PayloadBase};

/// A layer that a match can establish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    Network,
    Transport,
}

/// What is said and known at one point of a rule.
#[derive(Debug)]
pub(super) struct Context {
    family: Family,
    network: Option<&'static Header>,
    pub(super) transport: Option<u8>,
    phrases: Vec<Option<String>>,
    /// Phrases that a later field of that layer makes needless.
    needless: [Option<usize>; 2],
}

/// What an operand is called, and how its value is spelled.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) column: Column,
    /// The layer whose header the name tells.
    pub(super) layer: Option<Layer>,
    /// It is only the beginning of this field.
    pub(super) part_of: Option<Field>,
    /// It is only these bits, which the name stands for.
    pub(super) bits: Option<u32>,
    /// And-mask that stays to be said, spelled, and as a number.
    pub(super) mask: Option<(String, u128)>,
}

impl Named {
    /// Raw payload is hexadecimal, but for keys of maps and behind a mask.
    pub(super) fn in_decimal(&mut self) {
        if self.column.kind == Kind::Hex {
            self.column.kind = Kind::Number;
        }
    }
}

impl Context {
    pub(super) fn new(family: Family) -> Context {
        let network = match family {
            Family::Ip => Some(&IP),
            Family::Ip6 => Some(&IP6),
            _ => None,
        };
        Context { family, network, transport: None, phrases: Vec::new(), needless: [None; 2] }
    }

    /// Which of IPv4 and IPv6 is established.
    pub(super) fn network_family(&self) -> Option<Family> {
        self.network.map(|header| if header.name == "ip" { Family::Ip } else { Family::Ip6 })
    }

    /// Whether the table sees one family only.
    pub(super) fn one_family(&self) -> bool {
        matches!(self.family, Family::Ip | Family::Ip6)
    }

    /// Say a phrase, and return its place.
    pub(super) fn say(&mut self, phrase: String) -> usize {
        self.phrases.push(Some(phrase));
        self.phrases.len() - 1
    }

    /// What is said, without what became needless.
    pub(super) fn finish(self) -> String {
        self.phrases.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// From here on, what was said stays: a statement has acted on it.
    pub(super) fn settle(&mut self) {
        self.needless = [None; 2];
    }

    /// A field names this layer's header: the match that established it need not be said.
    pub(super) fn names(&mut self, layer: Layer) {
        let tells_family = matches!(self.transport, Some(1 | 58)) && self.family == Family::Inet;
        let icmp_of_family = match self.network_family() {
            Some(Family::Ip) => self.transport == Some(1),
            Some(_) => self.transport == Some(58),
            None => false,
        };
        self.unsay(layer);
        if layer == Layer::Transport && tells_family && icmp_of_family {
            self.unsay(Layer::Network);
        }
    }

    pub(super) fn unsay(&mut self, layer: Layer) {
        if let Some(place) = self.needless[layer as usize].take() {
            self.phrases[place] = None;
        }
    }

    /// Learn from a match that an operand is a value, said at this place.
    pub(super) fn establish(&mut self, operand: &Operand<'_>, named: &Named, value: u128, place: usize) {
        let protocol = u8::try_from(value).ok();
        match operand.source {
            Source::Meta(MetaKey::NfProto) if self.family == Family::Inet => {
                self.network = [(2, &IP), (10, &IP6)].iter().find(|(n, _)| *n == value).map(|(_, h)| *h);
                self.needless[Layer::Network as usize] = self.network.map(|_| place);
            }
            Source::Meta(MetaKey::Protocol) if matches!(self.family, Family::Netdev | Family::Bridge) => {
                self.network =
                    [(0x0800, &IP), (0x86dd, &IP6)].iter().find(|(n, _)| *n == value).map(|(_, h)| *h);
                self.needless[Layer::Network as usize] = self.network.map(|_| place);
            }
            Source::Meta(MetaKey::L4Proto) => {
                self.transport = protocol;
                self.needless[Layer::Transport as usize] = Some(place);
            }
            Source::Payload { .. } if matches!(named.name.as_str(), "ip protocol" | "ip6 nexthdr") => {
                self.transport = protocol;
                self.needless[Layer::Transport as usize] = self.one_family().then_some(place);
            }
            _ => {}
        }
    }

    /// The header that a payload offset counts from, if it is known and nft has names for it.
    pub(super) fn header(&self, base: PayloadBase) -> Option<(&'static Header, Layer)> {
        match base {
            PayloadBase::Network => self.network.map(|h| (h, Layer::Network)),
            PayloadBase::Transport => transport(self.transport?).map(|h| (h, Layer::Transport)),
            PayloadBase::Link | PayloadBase::Inner => None,
        }
    }

    /// The name of an operand. None if it has none.
    pub(super) fn name(&self, operand: &Operand<'_>) -> Option<Named> {
        let mut named = match &operand.source {
            Source::Meta(key) => plain_name(meta_name(*key).map(|(name, kind)| (name.to_owned(), kind))?),
            Source::Ct(key, dir) => plain_name(ct_name(*key, *dir)?),
            Source::Fib(result, flags) => plain_name(fib_name(*result, *flags)?),
            Source::Payload { base, offset, len } => self.payload(*base, *offset, *len, operand)?,
            Source::Constant(_) | Source::Mapped(..) => return None,
        };
        named.column.len = operand.len;
        // A number in network order that was swapped all the same is in an order that nft never writes.
        let sayable = !operand.swapped || operand.len == 1 || named.column.kind.order() == Order::Host;
        sayable.then_some(())?;
        if named.bits.is_none() {
            named.mask = said_mask(operand, named.column.kind)?;
        }
        named.column.order = operand.order(named.column.kind);
        Some(named)
    }

    fn payload(&self, base: PayloadBase, offset: u32, len: u32, operand: &Operand<'_>) -> Option<Named> {
        if let Some((header, layer)) = self.header(base) {
            let (field, bits, part_of) = field_of(header, offset, len, operand);
            if let Some(field) = field {
                let mut named = plain_name((format!("{} {}", header.name, field.name), field.kind));
                (named.layer, named.bits, named.part_of) = (Some(layer), bits, part_of);
                return Some(named);
            }
        }
        let unnamed = base == PayloadBase::Transport && self.header(base).is_none();
        if let Some(port) = ANY_TRANSPORT.field(offset, len).filter(|_| unnamed && has_ports(self.transport))
        {
            return Some(plain_name((format!("th {}", port.name), port.kind)));
        }
        Some(plain_name((format!("@{},{},{}", base_name(base), offset * 8, len * 8), Kind::Hex)))
    }
}

/// AH, ESP and IPComp have other fields where the ports would be.
fn has_ports(protocol: Option<u8>) -> bool {
    !matches!(protocol, Some(50 | 51 | 108))
}

fn base_name(base: PayloadBase) -> &'static str {
    match base {
        PayloadBase::Link => "ll",
        PayloadBase::Network => "nh",
        PayloadBase::Transport => "th",
        PayloadBase::Inner => "ih",
    }
}

fn plain_name((name, kind): (String, Kind)) -> Named {
    let column = Column { kind, order: kind.order(), len: 0 };
    Named { name, column, layer: None, part_of: None, bits: None, mask: None }
}

/// The field of a header that an operand is: whole, some bits, or the beginning of an address.
fn field_of(
    header: &Header,
    offset: u32,
    len: u32,
    operand: &Operand<'_>,
) -> (Option<Field>, Option<u32>, Option<Field>) {
    if let Some(field) = header.field(offset, len) {
        return (Some(field), None, None);
    }
    let mask = operand.masks.and_then(|(mask, _)| number(mask.bytes(), Order::Network));
    match mask.and_then(|mask| u32::try_from(mask).ok()) {
        Some(mask) => (header.bits(offset, len, mask), Some(mask), None),
        None => {
            let field = header.beginning_of(offset, len);
            let field = field.filter(|f| matches!(f.kind, Kind::Ipv4 | Kind::Ipv6));
            (field, None, field)
        }
    }
}

/// The mask that an operand went through, to be said; an exclusive or cannot be said in a match.
#[allow(clippy::option_option)]
fn said_mask(operand: &Operand<'_>, kind: Kind) -> Option<Option<(String, u128)>> {
    let Some((mask, xor)) = operand.masks else { return Some(None) };
    let number = number(mask.bytes(), kind.order())?;
    let plain = xor.bytes().iter().all(|b| *b == 0) && mask.bytes().len() == operand.len;
    let maskable =
        matches!(kind, Kind::Ipv4 | Kind::Ipv6 | Kind::Mark | Kind::Number | Kind::HostNumber | Kind::Hex);
    match kind.is_bits() {
        _ if !plain => None,
        true => Some(Some((String::new(), number))),
        false if maskable => Some(Some((spell(kind, mask.bytes(), kind.order())?, number))),
        false => None,
    }
}
