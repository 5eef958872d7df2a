//! The one policy that every side of a comparison loads: eleven services and six outward needs of ten roles.
//! Not here: how a side spells it ([`crate::ours`], [`crate::peers`]).

/// The roles of hosts, by our catalogue's names. The eleventh, s3, is a service outside the cluster.
pub(crate) const ROLES: [&str; 10] =
    ["web", "sip", "pbx", "jabber", "ic", "worker", "queue", "sql", "dd", "es"];

/// TCP or UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Proto {
    Tcp,
    Udp,
}

impl Proto {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Proto::Tcp => "tcp",
            Proto::Udp => "udp",
        }
    }
}

/// First and last port.
pub(crate) type Ports = (Proto, u16, u16);

/// Who may use a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// Everybody outside the private network.
    Public,
    /// The nodes with one of these roles.
    Roles(&'static [&'static str]),
    /// All nodes of the cluster.
    EveryNode,
}

/// What a role serves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) role: &'static str,
    pub(crate) ports: &'static [Ports],
    pub(crate) from: From,
    /// New flows of one source a second, and at once.
    pub(crate) limit: Option<(u32, u32)>,
}

/// What a role reaches outside the cluster, at any address. A need without roles is every node's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    pub(crate) name: &'static str,
    pub(crate) roles: &'static [&'static str],
    pub(crate) ports: &'static [Ports],
}

/// Which side begins a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    In,
    Out,
}

impl Way {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Way::In => "in",
            Way::Out => "out",
        }
    }
}

/// What the node that has all roles allows, as a list that any firewall takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permit {
    pub(crate) name: &'static str,
    pub(crate) way: Way,
    pub(crate) ports: &'static [Ports],
    /// The nodes at the other end, by bits of roles; none for everybody, and of what comes in, everybody outside the
    /// private network.
    pub(crate) nodes: Option<u32>,
    pub(crate) limit: Option<(u32, u32)>,
}

/// All of them, in and out.
pub(crate) fn permits() -> impl Iterator<Item = Permit> {
    let served = SERVICES.iter().map(|service| {
        let Service { name, ports, from, limit, .. } = *service;
        Permit { name, way: Way::In, ports, nodes: client_bits(from), limit }
    });
    let used = SERVICES.iter().filter(|service| service.from != From::Public).map(|service| Permit {
        name: service.name,
        way: Way::Out,
        ports: service.ports,
        nodes: Some(server_bit(service)),
        limit: None,
    });
    let needed = NEEDS.iter().map(|need| Permit {
        name: need.name,
        way: Way::Out,
        ports: need.ports,
        nodes: None,
        limit: None,
    });
    served.chain(used).chain(needed)
}

use Proto::{Tcp, Udp};

/// What is served.
pub(crate) const SERVICES: [Service; 11] = [
    public("http", "web", &[(Tcp, 80, 80), (Tcp, 443, 443)]),
    public("signalling", "sip", &[(Udp, 5060, 5061), (Tcp, 5060, 5061)]),
    public("media", "pbx", &[(Udp, 10000, 20000)]),
    Service {
        limit: Some((20, 40)),
        ..public("messaging", "jabber", &[(Tcp, 5222, 5222), (Tcp, 5269, 5269), (Tcp, 5280, 5280)])
    },
    within("inner-leg", "pbx", &[(Udp, 5050, 5050)], From::Roles(&["sip"])),
    within("control", "ic", &[(Tcp, 4505, 4506)], From::EveryNode),
    within("broker", "queue", &[(Tcp, 5672, 5672)], From::Roles(&["web", "pbx", "worker", "ic"])),
    within("database", "sql", &[(Tcp, 3306, 3306)], From::Roles(&["web", "sip", "pbx", "worker", "ic"])),
    within("shared", "dd", &[(Tcp, 6379, 6379)], From::Roles(&["web", "sip", "pbx", "worker", "jabber"])),
    within("search", "es", &[(Tcp, 9200, 9200)], From::Roles(&["web", "worker", "ic"])),
    within("search-ring", "es", &[(Tcp, 9300, 9300)], From::Roles(&["es"])),
];

/// What is reached outside.
pub(crate) const NEEDS: [Need; 6] = [
    Need { name: "names", roles: &[], ports: &[(Udp, 53, 53), (Tcp, 53, 53)] },
    Need { name: "clock", roles: &[], ports: &[(Udp, 123, 123)] },
    Need { name: "store", roles: &["web", "worker", "pbx"], ports: &[(Tcp, 443, 443)] },
    Need { name: "carriers", roles: &["sip"], ports: &[(Udp, 5060, 5061), (Tcp, 5060, 5061)] },
    Need { name: "media-out", roles: &["pbx"], ports: &[(Udp, 10000, 20000)] },
    Need { name: "federation", roles: &["jabber"], ports: &[(Tcp, 5269, 5269)] },
];

const fn public(name: &'static str, role: &'static str, ports: &'static [Ports]) -> Service {
    Service { name, role, ports, from: From::Public, limit: None }
}

const fn within(name: &'static str, role: &'static str, ports: &'static [Ports], from: From) -> Service {
    Service { name, role, ports, from, limit: None }
}

/// The position of a role; the tables above name no other.
pub(crate) fn position(role: &str) -> usize {
    ROLES.iter().position(|known| *known == role).unwrap_or_else(|| unreachable!("{role} is in ROLES"))
}

/// One bit for each role by which nodes may use a service; none where it is public.
pub(crate) fn client_bits(from: From) -> Option<u32> {
    match from {
        From::Public => None,
        From::EveryNode => Some((1 << ROLES.len()) - 1),
        From::Roles(roles) => Some(roles.iter().fold(0, |bits, role| bits | 1 << position(role))),
    }
}

/// The bit of the role that serves.
pub(crate) fn server_bit(service: &Service) -> u32 {
    1 << position(service.role)
}

/// What another host is to the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Other {
    /// In no inventory, outside the private network.
    Stranger,
    /// Of a trusted network.
    Trusted,
    /// A node with these roles, by bits.
    Node(u32),
}

/// Whether a new flow from another host to this port of the node that has all roles is allowed.
pub(crate) fn admits(other: Other, proto: Proto, port: u16) -> bool {
    let covering = SERVICES.iter().filter(|service| covers(service.ports, proto, port));
    match other {
        Other::Trusted => true,
        Other::Stranger => covering.into_iter().any(|service| service.from == From::Public),
        Other::Node(bits) => {
            covering.into_iter().any(|service| client_bits(service.from).is_some_and(|b| b & bits != 0))
        }
    }
}

/// Whether that node may open a flow to this port of another host.
pub(crate) fn reaches(other: Other, proto: Proto, port: u16) -> bool {
    let anywhere = NEEDS.iter().any(|need| covers(need.ports, proto, port));
    let serves = |bits: u32| {
        let within = SERVICES.iter().filter(|s| s.from != From::Public && covers(s.ports, proto, port));
        within.into_iter().any(|service| server_bit(service) & bits != 0)
    };
    match other {
        Other::Trusted => true,
        Other::Stranger => anywhere,
        Other::Node(bits) => anywhere || serves(bits),
    }
}

fn covers(ports: &[Ports], proto: Proto, port: u16) -> bool {
    ports.iter().any(|(p, first, last)| *p == proto && (*first..=*last).contains(&port))
}
