//! The SIP sockets that Kamailio's P-CSCF opens for its clients' IPsec: a range of ports as their client and one
//! as their server, of UDP and of TCP.
//! Source: the README of ims_ipsec_pcscf; 3GPP TS 33.203 for the pairs of ports.

use super::modules::Modules;
use crate::reading::Reading;
use crate::text::Place;
use crate::{Listener, Transport};

const MODULE: &str = "ims_ipsec_pcscf";

/// Without an address nothing is opened.
pub(super) fn open(modules: &Modules, reading: &mut Reading<'_>) {
    for name in ["ipsec_listen_addr", "ipsec_listen_addr6"] {
        let Some(parameter) = modules.last(MODULE, name).filter(|parameter| !parameter.value.is_empty())
        else {
            continue;
        };
        let Some(ports) = Ports::of(modules, reading) else { return };
        for address in reading.addresses(&parameter.value, &parameter.place()) {
            for (transport, range) in ports.sockets() {
                let listener = Listener::at(transport, address, range, "sip");
                let listener = if transport == Transport::Tcp { listener.tls(false) } else { listener };
                let listener = parameter.places.iter().chain(&ports.places).fold(listener, Listener::said);
                reading.listen(match ports.defaults.as_str() {
                    "" => listener,
                    defaults => listener.by_default(&parameter.place(), defaults),
                });
            }
        }
    }
}

struct Ports {
    client: u16,
    server: u16,
    count: u16,
    places: Vec<Place>,
    /// What no parameter says, in words.
    defaults: String,
}

impl Ports {
    /// None where one cannot be told, which is said.
    fn of(modules: &Modules, reading: &mut Reading<'_>) -> Option<Ports> {
        let mut ports = Ports { client: 0, server: 0, count: 0, places: Vec::new(), defaults: String::new() };
        ports.client = ports.number(modules, reading, "ipsec_client_port", 5062)?;
        ports.server = ports.number(modules, reading, "ipsec_server_port", 5063)?;
        ports.count = ports.number(modules, reading, "ipsec_max_connections", 2)?;
        Some(ports)
    }

    fn number(
        &mut self,
        modules: &Modules,
        reading: &mut Reading<'_>,
        name: &str,
        default: u16,
    ) -> Option<u16> {
        let Some(parameter) = modules.last(MODULE, name) else {
            let comma = if self.defaults.is_empty() { "no " } else { ", no " };
            self.defaults.push_str(&format!("{comma}{name}: {default}"));
            return Some(default);
        };
        self.places.extend(parameter.places.iter().cloned());
        let number = parameter.value.parse().ok().filter(|number| *number > 0);
        if number.is_none() {
            reading.unresolved(format!("{name} {:?}", parameter.value), &parameter.place());
        }
        number
    }

    /// The two ranges, which are one where they touch.
    fn sockets(&self) -> Vec<(Transport, (u16, u16))> {
        let range = |first: u16| (first, first.saturating_add(self.count.saturating_sub(1)));
        let (low, high) = (range(self.client.min(self.server)), range(self.client.max(self.server)));
        let is_one = high.0 <= low.1.saturating_add(1);
        let ranges = if is_one { vec![(low.0, high.1)] } else { vec![low, high] };
        let both = [Transport::Udp, Transport::Tcp];
        both.into_iter()
            .flat_map(|transport| ranges.clone().into_iter().map(move |r| (transport, r)))
            .collect()
    }
}
