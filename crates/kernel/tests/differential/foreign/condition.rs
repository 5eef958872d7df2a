//! Conditions of iptables, with values of the palette.
//! Not here: targets ([`super::target`]).

use super::Scribe;
use std::net::{Ipv4Addr, Ipv6Addr};

impl Scribe<'_> {
    /// One condition. None where this rule or this chain cannot ask it.
    pub(super) fn condition(&mut self) -> Option<String> {
        match self.random.below(22) {
            0..=2 => self.address(),
            3 => self.interface(),
            4..=6 => self.ports(),
            7 => self.multiport(),
            8 | 9 => Some(self.state()),
            10 => self.address_type(),
            11 => Some(self.address_range()),
            12 => Some(self.mark()),
            13 => self.icmp(),
            14 => Some(self.length()),
            15 => Some(self.hop_limit()),
            16 => self.packet_type(),
            17 => self.protocol_alone(),
            18 => Some("-m comment --comment \"one of many\"".to_owned()),
            19 => Some("-m limit --limit 10000/sec --limit-burst 10000".to_owned()),
            20 => Some(self.service_type()),
            _ => self.hardware(),
        }
    }

    /// The option, if this rule has not had it yet.
    fn once(&mut self, option: &'static str) -> Option<&'static str> {
        let is_new = !self.had.contains(&option);
        self.had.push(option);
        is_new.then_some(option)
    }

    fn comes_in(&self) -> bool {
        matches!(self.chain.as_str(), "PREROUTING" | "INPUT" | "FORWARD")
    }

    fn an_address4(&mut self) -> Ipv4Addr {
        *self.random.pick(&self.palette.v4)
    }

    fn an_address6(&mut self) -> Ipv6Addr {
        *self.random.pick(&self.palette.v6)
    }

    /// A host or a network. What it begins and ends with is worth a packet.
    fn address(&mut self) -> Option<String> {
        let (not, is_source) = (self.not(), self.random.percent(50));
        let option = self.once(if is_source { "-s" } else { "-d" })?;
        let network = if self.is_v4 { self.network4(is_source) } else { self.network6(is_source) };
        Some(format!("{not}{option} {network}"))
    }

    fn network4(&mut self, is_source: bool) -> String {
        let bits = *self.random.pick(&[32, 32, 31, 24, 17, 9, 8]);
        let mask = u32::MAX << (32 - bits);
        let first = u32::from(self.an_address4()) & mask;
        let last = first | !mask;
        let around = [first.wrapping_sub(1), first, last, last.wrapping_add(1)].map(Ipv4Addr::from);
        let edges = if is_source { &mut self.edges.src4 } else { &mut self.edges.dst4 };
        edges.extend(around);
        format!("{}/{bits}", Ipv4Addr::from(first))
    }

    fn network6(&mut self, is_source: bool) -> String {
        let bits = *self.random.pick(&[128, 128, 127, 64, 61, 48, 3]);
        let mask = u128::MAX << (128 - bits);
        let first = u128::from(self.an_address6()) & mask;
        let last = first | !mask;
        let around = [first.wrapping_sub(1), first, last, last.wrapping_add(1)].map(Ipv6Addr::from);
        let edges = if is_source { &mut self.edges.src6 } else { &mut self.edges.dst6 };
        edges.extend(around);
        format!("{}/{bits}", Ipv6Addr::from(first))
    }

    fn interface(&mut self) -> Option<String> {
        let not = self.not();
        let name = *self.random.pick(&["eth0", "eth1", "eth10", "eth+", "eth1+", "lo", "+"]);
        let option = match self.chain.as_str() {
            "PREROUTING" | "INPUT" => "-i",
            "OUTPUT" | "POSTROUTING" => "-o",
            "FORWARD" => *self.random.pick(&["-i", "-o"]),
            _ => return None,
        };
        let option = self.once(option)?;
        Some(format!("{not}{option} {name}"))
    }

    /// The protocol of the rule, told once.
    fn of_protocol(&mut self, choices: &[u8]) -> Option<(u8, String)> {
        match self.protocol {
            Some(there) if choices.contains(&there) => Some((there, String::new())),
            Some(_) => None,
            None => {
                let protocol = *self.random.pick(choices);
                self.protocol = Some(protocol);
                Some((protocol, format!("-p {protocol} ")))
            }
        }
    }

    fn protocol_alone(&mut self) -> Option<String> {
        let not = self.not();
        if self.protocol.is_some() {
            return None;
        }
        let protocol = *self.random.pick(&self.palette.protocols);
        self.edges.protocols.push(protocol);
        self.protocol = Some(if not.is_empty() { protocol } else { 0 });
        Some(format!("{not}-p {protocol}"))
    }

    fn port(&mut self) -> u16 {
        let port = *self.random.pick(&self.palette.ports);
        self.edges.ports.extend([port.wrapping_sub(1), port, port.wrapping_add(1)]);
        port
    }

    fn span(&mut self) -> String {
        let mut ends = [self.port(), self.port()];
        ends.sort_unstable();
        if ends[0] == ends[1] || self.random.percent(50) {
            ends[0].to_string()
        } else {
            format!("{}:{}", ends[0], ends[1])
        }
    }

    fn ports(&mut self) -> Option<String> {
        let (protocol, told) = self.of_protocol(&[6, 6, 17, 17, 132])?;
        let name = match protocol {
            6 => "tcp",
            17 => "udp",
            _ => "sctp",
        };
        if protocol == 6 && self.random.percent(30) {
            return Some(format!("{told}-m tcp {}", self.flags()));
        }
        let (not, side) = (self.not(), *self.random.pick(&["--dport", "--dport", "--sport"]));
        Some(format!("{told}-m {name} {not}{side} {}", self.span()))
    }

    fn flags(&mut self) -> String {
        self.edges.flags.extend([0x02, 0x12, 0x06, 0x03, 0x00]);
        let not = self.not();
        let asked =
            ["--syn", "--tcp-flags SYN,ACK SYN", "--tcp-flags ALL NONE", "--tcp-flags FIN,SYN FIN,SYN"];
        format!("{not}{}", self.random.pick(&asked))
    }

    fn multiport(&mut self) -> Option<String> {
        let (_, told) = self.of_protocol(&[6, 17, 132])?;
        let (not, side) = (self.not(), *self.random.pick(&["--dports", "--sports", "--ports"]));
        let spans: Vec<String> = (0..self.random.within(1, 4)).map(|_| self.span()).collect();
        Some(format!("{told}-m multiport {not}{side} {}", spans.join(",")))
    }

    fn state(&mut self) -> String {
        let not = self.not();
        let states =
            ["NEW", "ESTABLISHED", "RELATED,ESTABLISHED", "INVALID", "UNTRACKED", "NEW,INVALID", "RELATED"];
        let states = self.random.pick(&states);
        match self.random.percent(50) {
            true => format!("-m conntrack {not}--ctstate {states}"),
            false => format!("-m state {not}--state {states}"),
        }
    }

    fn address_type(&mut self) -> Option<String> {
        let (not, kind) = (self.not(), *self.random.pick(&["LOCAL", "UNICAST", "MULTICAST", "BROADCAST"]));
        // IPv6 has none.
        let kind = if kind == "BROADCAST" && !self.is_v4 { "LOCAL" } else { kind };
        let side = *self.random.pick(&["--dst-type", "--src-type"]);
        self.comes_in().then(|| format!("-m addrtype {not}{side} {kind}"))
    }

    fn address_range(&mut self) -> String {
        let (not, is_source) = (self.not(), self.random.percent(50));
        let side = if is_source { "--src-range" } else { "--dst-range" };
        let range = if self.is_v4 {
            let mut ends = [self.an_address4(), self.an_address4()];
            ends.sort_unstable();
            let beside = [u32::from(ends[0]).wrapping_sub(1), u32::from(ends[1]).wrapping_add(1)];
            let edges = if is_source { &mut self.edges.src4 } else { &mut self.edges.dst4 };
            edges.extend(ends);
            edges.extend(beside.map(Ipv4Addr::from));
            format!("{}-{}", ends[0], ends[1])
        } else {
            let mut ends = [self.an_address6(), self.an_address6()];
            ends.sort_unstable();
            let beside = [u128::from(ends[0]).wrapping_sub(1), u128::from(ends[1]).wrapping_add(1)];
            let edges = if is_source { &mut self.edges.src6 } else { &mut self.edges.dst6 };
            edges.extend(ends);
            edges.extend(beside.map(Ipv6Addr::from));
            format!("{}-{}", ends[0], ends[1])
        };
        format!("-m iprange {not}{side} {range}")
    }

    fn mark(&mut self) -> String {
        let (not, mark) = (self.not(), *self.random.pick(&self.palette.marks));
        let mask = *self.random.pick(&[u32::MAX, 0xff, 0xff00, 1]);
        format!("-m mark {not}--mark {:#x}/{mask:#x}", mark & mask)
    }

    fn icmp(&mut self) -> Option<String> {
        let (own, name, option, kinds) = match self.is_v4 {
            true => (1, "icmp", "--icmp-type", ["8", "0", "3", "3/1", "any"]),
            false => (58, "icmp6", "--icmpv6-type", ["128", "129", "1", "1/3", "135"]),
        };
        let (_, told) = self.of_protocol(&[own])?;
        let (not, kind) = (self.not(), *self.random.pick(&kinds));
        // iptables says that any type matches, and none is left.
        let not = if kind == "any" { "" } else { not };
        self.edges.icmp.extend([8, 0, 3, 1, 128, 129, 135]);
        Some(format!("{told}-m {name} {not}{option} {kind}"))
    }

    fn length(&mut self) -> String {
        let not = self.not();
        let mut ends = [self.random.within(40, 120) as u16, self.random.within(40, 120) as u16];
        ends.sort_unstable();
        self.edges.lengths.extend([ends[0] - 1, ends[0], ends[1], ends[1] + 1]);
        format!("-m length {not}--length {}:{}", ends[0], ends[1])
    }

    fn hop_limit(&mut self) -> String {
        let value = *self.random.pick(&[2u8, 63, 64, 65, 254]);
        self.edges.hops.extend([value - 1, value, value + 1, value.saturating_add(2)]);
        let (module, option) = if self.is_v4 { ("ttl", "--ttl") } else { ("hl", "--hl") };
        let compare = *self.random.pick(&["eq", "lt", "gt"]);
        let not = if compare == "eq" { self.not() } else { "" };
        format!("-m {module} {not}{option}-{compare} {value}")
    }

    fn packet_type(&mut self) -> Option<String> {
        let (not, kind) = (self.not(), *self.random.pick(&["unicast", "broadcast", "multicast"]));
        (self.chain == "INPUT").then(|| format!("-m pkttype {not}--pkt-type {kind}"))
    }

    fn service_type(&mut self) -> String {
        let not = self.not();
        let asked = [
            "-m dscp {}--dscp 0x00",
            "-m dscp {}--dscp 0x2e",
            "-m tos {}--tos 0x00/0xff",
            "-m tos {}--tos 0x10/0x3f",
        ];
        self.random.pick(&asked).replace("{}", not)
    }

    /// What no flow tells.
    fn hardware(&mut self) -> Option<String> {
        let (not, rarely) = (self.not(), self.random.percent(10));
        let link = self.random.below(3);
        (rarely && self.comes_in()).then(|| format!("-m mac {not}--mac-source 02:00:00:00:02:{link:02x}"))
    }
}
