//! What Linux tells of each packet under nftrace: every rule that took effect, and every chain's end.
//! Not here: what the judge says of it ([`crate::compare`]).

use crate::packet::{self, Packet};
use crate::witness;
use rolewall_ruleset::flow::CtState;
use rolewall_ruleset::{Family, Table};
use rustix::net::netlink::{NETFILTER, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};
use std::collections::HashMap;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

/// What a rule or a chain's policy did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Did {
    Accept,
    /// A refusal is a drop too.
    Drop,
    Continue,
    Return,
    Jump(String),
    Goto(String),
    Other(i32),
}

/// One step of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) family: Family,
    pub(crate) table: String,
    pub(crate) chain: String,
    /// None is the chain's policy.
    pub(crate) handle: Option<u64>,
    pub(crate) did: Did,
}

/// One packet's way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traced {
    /// Its steps through the tables under test.
    pub(crate) steps: Vec<Seen>,
    /// Its state, if it came as far as conntrack.
    pub(crate) ct: Option<CtState>,
    /// The witness' chains that it passed.
    pub(crate) passed: Vec<String>,
    /// The number of the interface by which it left, or would have.
    pub(crate) oif: Option<u32>,
    /// It has begun.
    pub(crate) begun: bool,
    /// It left by loopback, and came in again: what follows is another way.
    over: bool,
}

/// `nfnetlink.h`, `nf_tables.h`.
mod wire {
    pub(super) const TRACE: u16 = 10 << 8 | 17;
    pub(super) const GROUP_TRACE: u32 = 1 << (9 - 1);
    pub(super) const CT_DELETE: u16 = 1 << 8 | 2;
    pub(super) const REQUEST_ACK: u16 = 1 | 4;
    pub(super) const POLICY: u32 = 1;
    pub(super) const RULE: u32 = 3;
}

/// Room for the events of a ruleset's packets.
const BUFFER_BYTES: usize = 64 << 20;

/// A listener in the namespace of the thread that opened it.
pub(crate) struct Listener {
    events: OwnedFd,
    requests: OwnedFd,
    buffer: Vec<u8>,
    /// Which packet each of Linux's numbers is about now.
    about: HashMap<u32, Option<u16>>,
    states: HashMap<u64, CtState>,
}

struct Event<'m> {
    number: u32,
    seen: Option<Seen>,
    in_witness: bool,
    chain: String,
    network: Option<&'m [u8]>,
    transport: Option<&'m [u8]>,
    oif: Option<u32>,
}

impl Listener {
    /// `witness` as it was read back.
    pub(crate) fn open(witness: &Table) -> Listener {
        let open = |groups| {
            let kind = (AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC);
            let socket = rustix::net::socket_with(kind.0, kind.1, kind.2, Some(NETFILTER)).unwrap();
            rustix::net::bind(&socket, &SocketAddrNetlink::new(0, groups)).unwrap();
            socket
        };
        let (events, requests) = (open(wire::GROUP_TRACE), open(0));
        sockopt::set_socket_recv_buffer_size_force(&events, BUFFER_BYTES).unwrap();
        let wait = Some(std::time::Duration::from_secs(10));
        sockopt::set_socket_timeout(&events, sockopt::Timeout::Recv, wait).unwrap();
        let rules = witness::STATE.iter().filter_map(|name| witness.chain(name));
        let states = rules.flat_map(|chain| chain.rules.iter().enumerate());
        let states = states.filter_map(|(place, rule)| Some((rule.handle?, witness::state(place)))).collect();
        Listener { events, requests, buffer: vec![0; 1 << 16], about: HashMap::new(), states }
    }

    /// Reads until the sentinel that was sent behind all others has come, and notes what is about the packets.
    pub(crate) fn until_sentinel(&mut self, packets: &[Packet], ways: &mut [Traced]) {
        loop {
            let received = rustix::net::recv(&self.events, self.buffer.as_mut_slice(), RecvFlags::empty());
            let (len, _) = received.expect("Linux tells of every packet within seconds");
            let datagram = self.buffer[..len].to_vec();
            let mut is_end = false;
            for (kind, message) in messages(&datagram) {
                if let (wire::TRACE, Some(event)) = (kind, event(message)) {
                    is_end |= self.note(&event, packets, ways);
                }
            }
            if is_end {
                return;
            }
        }
    }

    /// True for the sentinel.
    fn note(&mut self, event: &Event<'_>, packets: &[Packet], ways: &mut [Traced]) -> bool {
        let begins = event.in_witness && witness::BEGIN.contains(&event.chain.as_str());
        if begins && let Some(network) = event.network {
            if network[0] >> 4 == 4 && network[9] == witness::SENTINEL {
                self.about.clear();
                return true;
            }
            let which = which(network, event.transport, packets);
            self.about.insert(event.number, which);
            if let Some(way) = which.and_then(|id| ways.get_mut(usize::from(id))) {
                way.over |= way.begun && !way.passed.is_empty();
                way.begun = true;
            }
        }
        let about = self.about.get(&event.number).copied().flatten();
        if let Some(way) = about.and_then(|id| ways.get_mut(usize::from(id))).filter(|way| !way.over) {
            way.note(event, &self.states);
        }
        false
    }

    /// Has conntrack forget every flow.
    pub(crate) fn forget_flows(&mut self) {
        let mut message = 20u32.to_ne_bytes().to_vec();
        message.extend(wire::CT_DELETE.to_ne_bytes());
        message.extend(wire::REQUEST_ACK.to_ne_bytes());
        message.extend([0; 12]);
        rustix::net::send(&self.requests, &message, SendFlags::empty()).unwrap();
        rustix::net::recv(&self.requests, self.buffer.as_mut_slice(), RecvFlags::empty()).unwrap();
        let error = i32::from_ne_bytes(self.buffer[16..20].try_into().unwrap());
        assert_eq!(error, 0, "conntrack would not forget its flows");
    }
}

impl Traced {
    fn note(&mut self, event: &Event<'_>, states: &HashMap<u64, CtState>) {
        self.oif = self.oif.or(event.oif);
        let Some(seen) = &event.seen else { return };
        match seen.handle {
            _ if !event.in_witness => self.steps.push(seen.clone()),
            None => self.passed.push(event.chain.clone()),
            Some(handle) => self.ct = self.ct.or(states.get(&handle).copied()),
        }
    }
}

/// The packet of these headers, if it is one of ours: the number and both addresses are its own.
fn which(network: &[u8], transport: Option<&[u8]>, packets: &[Packet]) -> Option<u16> {
    let v4 = network[0] >> 4 == 4;
    let protocol = if v4 { network[9] } else { network[6] };
    let id = packet::id_of(protocol, transport?)?;
    let address = |at: usize| match v4 {
        true => <[u8; 4]>::try_from(network.get(at..at + 4)?).ok().map(IpAddr::from),
        false => <[u8; 16]>::try_from(network.get(at..at + 16)?).ok().map(IpAddr::from),
    };
    let (src, dst) = if v4 { (address(12)?, address(16)?) } else { (address(8)?, address(24)?) };
    let flow = &packets.get(usize::from(id))?.flow;
    ((flow.src, flow.dst, flow.l4.number()) == (src, dst, protocol)).then_some(id)
}

/// The messages of a datagram: kind and what follows the header.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let len = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
        let kind = u16::from_ne_bytes(bytes[4..6].try_into().ok()?);
        let message = bytes.get(16..len)?;
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, message))
    })
}

/// Attributes by their number.
fn attributes(mut bytes: &[u8]) -> HashMap<u16, &[u8]> {
    let mut all = HashMap::new();
    while let Some(header) = bytes.get(..4) {
        let len = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]) & 0x3fff;
        let Some(value) = bytes.get(4..len) else { break };
        all.insert(kind, value);
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    all
}

fn event(message: &[u8]) -> Option<Event<'_>> {
    let family = match message.first()? {
        1 => Family::Inet,
        2 => Family::Ip,
        10 => Family::Ip6,
        _ => return None,
    };
    let all = attributes(message.get(4..)?);
    let text = |kind: u16| all.get(&kind).map(|bytes| text(bytes));
    let be32 = |kind: u16| Some(u32::from_be_bytes((*all.get(&kind)?).try_into().ok()?));
    let (table, chain) = (text(1)?, text(2)?);
    let in_witness = family == Family::Inet && table == witness::NAME;
    let step = |handle, did| Seen { family, table: table.clone(), chain: chain.clone(), handle, did };
    let seen = match be32(4)? {
        wire::POLICY => Some(step(None, if be32(16)? == 1 { Did::Accept } else { Did::Drop })),
        wire::RULE => {
            let handle = u64::from_be_bytes((*all.get(&3)?).try_into().ok()?);
            Some(step(Some(handle), did(all.get(&5)?)?))
        }
        _ => None,
    };
    let (network, transport) = (all.get(&8).copied().filter(|n| n.len() >= 20), all.get(&9).copied());
    let oif = be32(12).filter(|number| *number != 0);
    Some(Event { number: be32(6)?, seen, in_witness, chain, network, transport, oif })
}

/// Verdicts of `nf_tables.h`: below zero they stay within the rules.
fn did(verdict: &[u8]) -> Option<Did> {
    let all = attributes(verdict);
    let chain = || all.get(&2).map(|bytes| text(bytes));
    Some(match i32::from_be_bytes((*all.get(&1)?).try_into().ok()?) {
        0 => Did::Drop,
        1 => Did::Accept,
        -1 => Did::Continue,
        -3 => Did::Jump(chain()?),
        -4 => Did::Goto(chain()?),
        -5 => Did::Return,
        other => Did::Other(other),
    })
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
