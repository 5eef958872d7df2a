//! Fields of protocol headers: where they lie, what nft calls them, and what they hold.
//! Not here: which header a payload offset counts from in a given rule ([`super::context`]).

use super::value::Kind;

/// A field of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    /// Its name, after the header's.
    pub(super) name: &'static str,
    /// First byte.
    pub(super) offset: u32,
    /// Bytes that hold it.
    pub(super) len: u32,
    /// Its bits, where it does not fill these bytes; zero where it does.
    pub(super) mask: u32,
    /// What it holds.
    pub(super) kind: Kind,
}

/// A header that nft names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Its name.
    pub(super) name: &'static str,
    /// Its fields, by offset.
    pub(super) fields: &'static [Field],
}

const fn whole(name: &'static str, offset: u32, len: u32, kind: Kind) -> Field {
    Field { name, offset, len, mask: 0, kind }
}

const fn bits(name: &'static str, offset: u32, len: u32, mask: u32, kind: Kind) -> Field {
    Field { name, offset, len, mask, kind }
}

/// RFC 791, section 3.1.
pub(super) const IP: Header = Header {
    name: "ip",
    fields: &[
        bits("version", 0, 1, 0xf0, Kind::Number),
        bits("hdrlength", 0, 1, 0x0f, Kind::Number),
        bits("dscp", 1, 1, 0xfc, Kind::Dscp),
        bits("ecn", 1, 1, 0x03, Kind::Ecn),
        whole("length", 2, 2, Kind::Number),
        whole("id", 4, 2, Kind::Number),
        whole("frag-off", 6, 2, Kind::Number),
        whole("ttl", 8, 1, Kind::Number),
        whole("protocol", 9, 1, Kind::Protocol),
        whole("checksum", 10, 2, Kind::Number),
        whole("saddr", 12, 4, Kind::Ipv4),
        whole("daddr", 16, 4, Kind::Ipv4),
    ],
};

/// RFC 8200, section 3.
pub(super) const IP6: Header = Header {
    name: "ip6",
    fields: &[
        bits("version", 0, 1, 0xf0, Kind::Number),
        bits("dscp", 0, 2, 0x0fc0, Kind::Dscp),
        bits("flowlabel", 1, 3, 0x000f_ffff, Kind::Number),
        whole("length", 4, 2, Kind::Number),
        whole("nexthdr", 6, 1, Kind::Protocol),
        whole("hoplimit", 7, 1, Kind::Number),
        whole("saddr", 8, 16, Kind::Ipv6),
        whole("daddr", 24, 16, Kind::Ipv6),
    ],
};

/// The ports, which lie alike in all transport headers that have them.
pub(super) const ANY_TRANSPORT: Header =
    Header { name: "th", fields: &[whole("sport", 0, 2, Kind::Number), whole("dport", 2, 2, Kind::Number)] };

/// RFC 9293, section 3.1.
const TCP: Header = Header {
    name: "tcp",
    fields: &[
        whole("sport", 0, 2, Kind::Number),
        whole("dport", 2, 2, Kind::Number),
        whole("sequence", 4, 4, Kind::Number),
        whole("ackseq", 8, 4, Kind::Number),
        bits("doff", 12, 1, 0xf0, Kind::Number),
        whole("flags", 13, 1, Kind::TcpFlags),
        whole("window", 14, 2, Kind::Number),
        whole("checksum", 16, 2, Kind::Number),
        whole("urgptr", 18, 2, Kind::Number),
    ],
};

/// RFC 768.
const UDP: Header = Header {
    name: "udp",
    fields: &[
        whole("sport", 0, 2, Kind::Number),
        whole("dport", 2, 2, Kind::Number),
        whole("length", 4, 2, Kind::Number),
        whole("checksum", 6, 2, Kind::Number),
    ],
};

/// RFC 3828, section 3.1.
const UDPLITE: Header = Header {
    name: "udplite",
    fields: &[whole("sport", 0, 2, Kind::Number), whole("dport", 2, 2, Kind::Number)],
};

/// RFC 9260, section 3.1.
const SCTP: Header = Header {
    name: "sctp",
    fields: &[
        whole("sport", 0, 2, Kind::Number),
        whole("dport", 2, 2, Kind::Number),
        whole("vtag", 4, 4, Kind::Number),
    ],
};

/// RFC 4340, section 5.1.
const DCCP: Header = Header {
    name: "dccp",
    fields: &[whole("sport", 0, 2, Kind::Number), whole("dport", 2, 2, Kind::Number)],
};

/// RFC 792. What follows the checksum depends on the type, and is not named.
const ICMP: Header = Header {
    name: "icmp",
    fields: &[
        whole("type", 0, 1, Kind::IcmpType),
        whole("code", 1, 1, Kind::IcmpCode),
        whole("checksum", 2, 2, Kind::Number),
    ],
};

/// RFC 4443, section 2.1.
const ICMPV6: Header = Header {
    name: "icmpv6",
    fields: &[
        whole("type", 0, 1, Kind::Icmpv6Type),
        whole("code", 1, 1, Kind::Icmpv6Code),
        whole("checksum", 2, 2, Kind::Number),
    ],
};

/// The header of a transport protocol, where nft's name of it is known here.
pub(super) fn transport(protocol: u8) -> Option<&'static Header> {
    Some(match protocol {
        1 => &ICMP,
        6 => &TCP,
        17 => &UDP,
        33 => &DCCP,
        58 => &ICMPV6,
        132 => &SCTP,
        136 => &UDPLITE,
        _ => return None,
    })
}

impl Header {
    /// The field that fills these bytes.
    pub(super) fn field(&self, offset: u32, len: u32) -> Option<Field> {
        self.fields.iter().copied().find(|f| f.offset == offset && f.len == len && f.mask == 0)
    }

    /// The field that has exactly these bits of these bytes.
    pub(super) fn bits(&self, offset: u32, len: u32, mask: u32) -> Option<Field> {
        self.fields
            .iter()
            .copied()
            .find(|f| f.offset == offset && f.len == len && f.mask == mask && mask != 0)
    }

    /// The field that these bytes begin, without reaching its end.
    pub(super) fn beginning_of(&self, offset: u32, len: u32) -> Option<Field> {
        self.fields.iter().copied().find(|f| f.offset == offset && f.len > len && f.mask == 0)
    }

    /// The fields that fill these bytes one after the other; none unless they do so exactly.
    pub(super) fn run(&self, offset: u32, len: u32) -> Option<Vec<Field>> {
        let mut at = offset;
        let mut run = Vec::new();
        while at < offset + len {
            let field = self.fields.iter().find(|f| f.offset == at && f.mask == 0)?;
            at += field.len;
            run.push(*field);
        }
        (at == offset + len).then_some(run)
    }
}
