//! Targets of iptables that a table and a chain may have.
//! Not here: conditions ([`super::condition`]).

use super::Scribe;
use crate::palette::Palette;

impl Scribe<'_> {
    pub(super) fn target(&mut self) -> Option<String> {
        let goes_on = !self.beyond.is_empty();
        Some(match self.random.below(20) {
            0..=3 => "-j ACCEPT".to_owned(),
            4..=6 if self.table != "nat" => "-j DROP".to_owned(),
            7 => "-j RETURN".to_owned(),
            8..=10 if goes_on => format!("-j {}", self.random.pick(&self.beyond)),
            11 if goes_on => format!("-g {}", self.random.pick(&self.beyond)),
            12 => "-j LOG --log-prefix \"seen: \"".to_owned(),
            13 => "-j NFLOG --nflog-group 7".to_owned(),
            14..=17 => self.of_table_alone()?,
            _ => return None,
        })
    }

    /// What only this table may have.
    fn of_table_alone(&mut self) -> Option<String> {
        match self.table {
            "filter" => Some(self.refusal()),
            "mangle" => Some(self.change()),
            "nat" => self.translation(),
            _ => self.random.percent(40).then(|| "-j CT --notrack".to_owned()),
        }
    }

    /// Linux looks whether a hook may have it, so it stands in no chain of one's own.
    fn translation(&mut self) -> Option<String> {
        let has_ports = matches!(self.protocol, Some(6 | 17));
        let port = self.random.within(1, 0xffff);
        let port = (has_ports && self.random.percent(50)).then_some(port);
        let to_own = self.random.percent(30);
        match self.chain.as_str() {
            "PREROUTING" | "OUTPUT" if to_own => {
                let ports = port.map_or(String::new(), |port| format!(" --to-ports {port}"));
                Some(format!("-j REDIRECT{ports}"))
            }
            "PREROUTING" | "OUTPUT" => Some(format!("-j DNAT --to-destination {}", self.to(port))),
            "POSTROUTING" if to_own => Some("-j MASQUERADE".to_owned()),
            "POSTROUTING" | "INPUT" => Some(format!("-j SNAT --to-source {}", self.to(port))),
            _ => None,
        }
    }

    fn to(&mut self, port: Option<usize>) -> String {
        let address = match self.is_v4 {
            true => Palette::host4(self.random).to_string(),
            false => Palette::host6(self.random).to_string(),
        };
        match (port, self.is_v4) {
            (None, _) => address,
            (Some(port), true) => format!("{address}:{port}"),
            (Some(port), false) => format!("[{address}]:{port}"),
        }
    }

    fn refusal(&mut self) -> String {
        let with = match (self.protocol, self.is_v4) {
            (Some(6), _) if self.random.percent(50) => "tcp-reset",
            (_, true) => *self.random.pick(&[
                "icmp-port-unreachable",
                "icmp-admin-prohibited",
                "icmp-host-unreachable",
            ]),
            (_, false) => *self.random.pick(&["icmp6-port-unreachable", "icmp6-adm-prohibited"]),
        };
        format!("-j REJECT --reject-with {with}")
    }

    fn change(&mut self) -> String {
        let mark = *self.random.pick(&self.palette.marks);
        let mask = *self.random.pick(&[u32::MAX, 0xff, 0xff00]);
        match self.random.below(8) {
            0..=2 => format!("-j MARK --set-xmark {mark:#x}/{mask:#x}"),
            3 => format!("-j MARK --and-mark {mask:#x}"),
            4 => format!("-j MARK --or-mark {mark:#x}"),
            5 => "-j TOS --set-tos 0x10/0x3f".to_owned(),
            6 if self.is_v4 => "-j TTL --ttl-set 64".to_owned(),
            6 => "-j HL --hl-set 64".to_owned(),
            _ => format!("-j CONNMARK --save-mark --mask {mask:#x}"),
        }
    }
}
