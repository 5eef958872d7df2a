//! The floor: what no inventory can remove. Loopback, established flows, ICMP errors, neighbour
//! discovery, DHCP. And the two chains that a packet enters by.
//! Not here: services.

use super::Lowering;
use super::refuse::Way;
use super::rule::{Ip, Side, because, ct, when};
use rolewall_ruleset::Rule;

/// Echo requests answered a second, and at once: enough for every monitor, too few for a flood.
const PING_PER_SECOND: u32 = 50;
const PING_BURST: u32 = 100;

/// ICMP errors (RFC 792): destination unreachable, of which "fragmentation needed" is path MTU discovery;
/// time exceeded; parameter problem.
const ICMP_ERRORS: [u8; 3] = [3, 11, 12];
/// ICMPv6 errors (RFC 4443): destination unreachable, packet too big, time exceeded, parameter problem.
const ICMPV6_ERRORS: [u8; 4] = [1, 2, 3, 4];
/// Neighbour discovery (RFC 4861): router advertisement, neighbour solicitation and advertisement.
/// Router solicitations and redirects are for routers and from them; a server needs neither.
const NEIGHBOURS: [u8; 3] = [134, 135, 136];
/// Multicast listener discovery (RFC 2710, RFC 3810): query, report, done, second report.
const LISTENERS: [u8; 4] = [130, 131, 132, 143];
const ECHO_REQUEST: u8 = 8;
const ECHO_REQUEST_V6: u8 = 128;

pub(super) fn established() -> Rule {
    because(when().ct_state(ct::ESTABLISHED).accept(), "floor: established")
}

/// Errors about a flow that is known. Nothing else that conntrack calls related: a helper's word must not
/// open a UDP port, and a redirect must not change a route.
pub(super) fn related_errors() -> [Rule; 2] {
    [(Ip::V4, &ICMP_ERRORS[..]), (Ip::V6, &ICMPV6_ERRORS[..])].map(|(ip, kinds)| {
        let error = when().ct_state(ct::RELATED).icmp_type(ip, kinds);
        because(error.accept(), "floor: errors of known flows")
    })
}

impl Lowering<'_> {
    /// The chain for what comes in.
    pub(super) fn inbound(&mut self) -> String {
        let icmp = self.icmp_in();
        let refuse = self.refuse(Way::In, self.plan.mode_in);
        let mut rules = self.denied();
        rules.push(established());
        rules.extend(related_errors());
        rules.push(because(when().loopback_in().accept(), "floor: loopback"));
        rules.extend(self.trusted(Side::Source));
        rules.push(when().icmp_of_either_family().goto(&icmp));
        rules.push(because(
            when().ct_state(ct::INVALID).goto(&refuse),
            "conntrack: no valid packet of a flow",
        ));
        rules.extend(self.services(Way::In));
        rules.push(when().goto(&refuse));
        let name = self.name("in");
        self.push(&name, rules);
        name
    }

    /// The chain for what goes out.
    pub(super) fn outbound(&mut self) -> String {
        let mut rules = vec![established()];
        rules.extend(related_errors());
        rules.push(because(when().loopback_out().accept(), "floor: loopback"));
        rules.extend(self.trusted(Side::Destination));
        rules.push(because(when().icmp_of_either_family().accept(), "floor: this host's own ICMP"));
        rules.extend(self.services(Way::Out));
        rules.push(when().goto(&self.refuse(Way::Out, self.plan.mode_out)));
        let name = self.name("out");
        self.push(&name, rules);
        name
    }

    /// Before any check for invalid packets: neighbour discovery is untracked, and path MTU discovery must
    /// work even for flows that conntrack has lost.
    pub(super) fn icmp_in(&mut self) -> String {
        let name = self.name("icmp");
        let link_local = "fe80::/10".parse().ok();
        let mut rules = vec![
            because(when().icmp_type(Ip::V4, &ICMP_ERRORS).accept(), "floor: ICMP errors"),
            because(when().icmp_type(Ip::V6, &ICMPV6_ERRORS).accept(), "floor: ICMPv6 errors"),
            because(
                when().icmp_type(Ip::V6, &NEIGHBOURS).hop_limit(255).accept(),
                "floor: neighbour discovery, not from beyond the link",
            ),
        ];
        if let Some(net) = link_local {
            let listeners = when().address_in_net(net, Side::Source).icmpv6_type_here(&LISTENERS);
            rules.push(because(listeners.accept(), "floor: multicast listeners, not from beyond the link"));
        }
        for (ip, kind) in [(Ip::V4, ECHO_REQUEST), (Ip::V6, ECHO_REQUEST_V6)] {
            let ping = when().icmp_type(ip, &[kind]).at_most(PING_PER_SECOND, PING_BURST);
            rules.push(because(ping.accept(), "floor: ping, at a bounded rate"));
        }
        rules.push(when().goto(&self.refuse(Way::In, self.plan.mode_in)));
        self.push(&name, rules);
        name
    }
}

/// Who talks DHCP to whom: the client's port, the server's, and the family.
const DHCP: [(Ip, u16, u16, &str); 2] =
    [(Ip::V4, 68, 67, "floor: DHCP"), (Ip::V6, 546, 547, "floor: DHCPv6")];

/// The ports to which DHCP comes (or goes), each with the rule that admits it. IPv6's answers are never
/// established, since the question went to a multicast group.
pub(super) fn dhcp(way: Way) -> Vec<(u16, Rule)> {
    let rule = |(ip, client, server, why): (Ip, u16, u16, &str)| {
        let (sport, dport) = if way == Way::In { (server, client) } else { (client, server) };
        (dport, because(when().nfproto(ip).udp_ports(sport, dport).accept(), why))
    };
    DHCP.into_iter().map(rule).collect()
}
