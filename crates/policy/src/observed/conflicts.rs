//! Where inventory, configuration files and sockets disagree, and binds that a firewall should not be alone
//! to protect.
//! Not here: which of them counts (the rules stand in the module above).

use super::pair::{is_program, is_wide, overlaps};
use super::{Key, Observation, Observed, ports};
use crate::plan::Me;
use crate::{Catalogue, PortRange, Proto, PublicReach, Role, Service};
use rolewall_evidence::{Evidence, Kind, Reach};

/// What the host is, as far as conflicts depend on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    /// Ports that Linux gives to clients: `ip_local_port_range`.
    pub ephemeral: Option<(u16, u16)>,
    /// Whether it has an address that is not private.
    pub is_public: bool,
}

/// Something that people should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Its sort, in one word for programs.
    pub kind: &'static str,
    /// What disagrees.
    pub what: String,
    /// Who says what.
    pub evidence: Vec<Evidence>,
}

/// All of them, the sorts in the order in which an operator would look.
pub fn conflicts(catalogue: &Catalogue, me: Option<&Me>, observed: &Observed, facts: Facts) -> Vec<Conflict> {
    let mut finding = Finding { catalogue, me, observed, facts, found: Vec::new() };
    finding.public_binds();
    finding.without_role();
    finding.without_listener();
    finding.not_listening();
    finding.ports_elsewhere();
    finding.loopback_only();
    finding.media();
    finding.shared_ports();
    finding.found
}

struct Finding<'a> {
    catalogue: &'a Catalogue,
    me: Option<&'a Me>,
    observed: &'a Observed,
    facts: Facts,
    found: Vec<Conflict>,
}

impl<'a> Finding<'a> {
    fn add(&mut self, kind: &'static str, what: String, evidence: &[Evidence]) {
        self.found.push(Conflict { kind, what, evidence: evidence.to_vec() });
    }

    fn has_role(&self, role: &crate::RoleName) -> bool {
        self.me.is_some_and(|me| me.roles.contains(role))
    }

    /// The roles of this node with their services.
    fn my_services(&self) -> Vec<(&'a Role, usize, &'a Service)> {
        let mine = self.catalogue.roles.values().filter(|role| self.has_role(&role.name));
        mine.flat_map(|role| role.services.iter().enumerate().map(move |(at, s)| (role, at, s))).collect()
    }

    /// A bind on a public address, or on every address of a host that has public ones, of a role that must
    /// be private.
    fn public_binds(&mut self) {
        for observation in &self.observed.endpoints {
            let Some((name, service)) = observation.service_of(|role| self.has_role(role)) else { continue };
            let Some(role) = self.catalogue.roles.get(name) else { continue };
            let where_to = match observation.endpoint.address.reach() {
                Reach::Public => format!("public address {}", observation.endpoint.address),
                Reach::Any if self.facts.is_public => "every address, and this host has public ones".into(),
                Reach::Any | Reach::Private | Reach::Loopback => continue,
            };
            if role.public == PublicReach::Never && self.is_there(observation) {
                let what = format!("{name} must be private, and {service} listens on {where_to}");
                self.add("public-bind", what, &observation.endpoint.evidence);
            }
        }
    }

    /// It listens; with no host to look at, it is configured to.
    fn is_there(&self, observation: &Observation) -> bool {
        let is_said = observation.is_configured && !self.observed.is_live;
        observation.is_listening.unwrap_or(is_said)
    }

    fn without_role(&mut self) {
        for observation in self.observed.endpoints.iter().filter(|o| o.is_reachable()) {
            if !self.is_there(observation) || self.is_client(observation) {
                continue;
            }
            let endpoint = words(observation);
            if observation.is_published() {
                let what = format!(
                    "published by a container, and not governed: packets to {endpoint} are forwarded, not taken in"
                );
                self.add("published", what, &observation.endpoint.evidence);
                continue;
            }
            match observation.service_of(|role| self.has_role(role)) {
                None => {
                    let seen = if observation.is_listening.is_some() { "listening" } else { "configured" };
                    let what = format!("{seen}, and in no role: {endpoint}");
                    self.add("no-role", what, &observation.endpoint.evidence);
                }
                Some((role, service)) if !self.is_mine(role) && self.me.is_some() => {
                    let what =
                        format!("{endpoint} is {service} of role {role}, which this node does not have");
                    self.add("role-not-assigned", what, &observation.endpoint.evidence);
                }
                Some(_) => {}
            }
        }
    }

    fn is_mine(&self, role: &crate::RoleName) -> bool {
        role.0 == crate::plan::NODE || self.has_role(role)
    }

    /// A UDP socket on a port that Linux gave it is a client's: of a resolver, or of a call.
    fn is_client(&self, observation: &Observation) -> bool {
        let (port, _) = observation.endpoint.ports;
        let is_given = self.facts.ephemeral.is_some_and(|(first, last)| (first..=last).contains(&port));
        let is_udp = PortRange::of(&observation.endpoint).proto == Proto::Udp;
        !observation.is_configured && observation.serves.is_empty() && is_udp && is_given
    }

    /// A role that the inventory assigns, where nothing listens on a port of a service.
    fn without_listener(&mut self) {
        let Some(me) = self.me.filter(|me| me.place.is_some() && self.observed.is_live) else { return };
        for (role, position, service) in self.my_services() {
            if service.media {
                continue;
            }
            let missing: Vec<PortRange> = me
                .ports_of(role, position, service)
                .into_iter()
                .filter(|range| !self.is_heard(*range))
                .collect();
            if !missing.is_empty() {
                let place = me.place.iter().map(|place| Evidence {
                    kind: Kind::Inventory,
                    source: place.to_string(),
                    text: format!("node {} has role {}", me.name, role.name),
                });
                let what = format!(
                    "role {} is assigned, and nothing listens on {} ({})",
                    role.name,
                    list(&missing),
                    service.name
                );
                self.add("nothing-listens", what, &place.collect::<Vec<_>>());
            }
        }
    }

    /// Whether something that is reachable listens within a range.
    fn is_heard(&self, wanted: PortRange) -> bool {
        let mut all = self.observed.endpoints.iter().filter(|o| o.is_reachable());
        all.any(|o| o.is_listening == Some(true) && wanted.overlaps(PortRange::of(&o.endpoint)))
    }

    /// What files say and sockets do not, a program at a time: it listens elsewhere, or not at all.
    fn not_listening(&mut self) {
        let mut programs: Vec<&str> = Vec::new();
        for observation in &self.observed.endpoints {
            let program = observation.endpoint.service.as_str();
            if observation.is_listening == Some(false) && !programs.contains(&program) {
                programs.push(program);
            }
        }
        for program in programs {
            self.silent(program);
        }
    }

    fn silent(&mut self, program: &str) {
        let all = &self.observed.endpoints;
        let mine = |o: &&Observation| o.is_configured && o.endpoint.service == program;
        let silent: Vec<&Observation> =
            all.iter().filter(mine).filter(|o| o.is_listening == Some(false)).collect();
        let elsewhere: Vec<&Observation> = all
            .iter()
            .filter(|o| !o.is_configured && is_program(program, &o.endpoint.service) && !self.is_client(o))
            .collect();
        let said = silent.iter().map(|o| words(o)).collect::<Vec<_>>().join(", ");
        let evidence: Vec<Evidence> =
            silent.iter().chain(&elsewhere).flat_map(|o| o.endpoint.evidence.iter().cloned()).collect();
        if elsewhere.is_empty() {
            let what = format!("{program} is configured, and does not listen: {said}");
            self.add("not-listening", what, &evidence);
        } else {
            let found = elsewhere.iter().map(|o| words(o)).collect::<Vec<_>>().join(", ");
            let what = format!("{program}: its file says {said}, and it listens on {found}");
            self.add("port-differs", what, &evidence);
        }
    }

    /// What the inventory, or a role's defaults, say of ports, and files say otherwise.
    fn ports_elsewhere(&mut self) {
        let Some(me) = self.me.filter(|me| me.place.is_some()) else { return };
        for (role, position, service) in self.my_services() {
            let key: Key = (role.name.clone(), service.name.clone());
            let Some(configured) = self.observed.configured.get(&key) else { continue };
            let written = me.ports.get(&role.name).filter(|_| position == 0);
            let (who, ports) = match written {
                Some(ports) => ("the inventory", ports),
                None => ("the role's default", &service.ports),
            };
            let is_new = |range: &&PortRange| !ports.contains(range);
            let new: Vec<PortRange> = configured.ports.iter().filter(is_new).copied().collect();
            if new.is_empty() || written.is_none() && service.media {
                continue;
            }
            let counts = match written {
                Some(_) => "the inventory counts".to_owned(),
                None => format!(
                    "the file counts here; write ports = {{ {} = [...] }} for this node, so that the others know",
                    role.name
                ),
            };
            let what = format!(
                "{} {}: {who} says {}, its configuration says {}: {counts}",
                role.name,
                service.name,
                list(ports),
                list(&configured.ports)
            );
            self.add("port-differs", what, &configured.evidence);
        }
    }

    /// A service for others that answers only to this host.
    fn loopback_only(&mut self) {
        for (role, _, service) in self.my_services() {
            let key: Key = (role.name.clone(), service.name.clone());
            let mine: Vec<&Observation> =
                self.observed.endpoints.iter().filter(|o| o.serves.contains(&key)).collect();
            if !mine.is_empty() && mine.iter().all(|o| !o.is_reachable()) && !service.media {
                let evidence: Vec<Evidence> =
                    mine.iter().flat_map(|o| o.endpoint.evidence.iter().cloned()).collect();
                let what = format!(
                    "role {} is assigned, and {} listens on loopback only: no other node reaches it",
                    role.name, service.name
                );
                self.add("loopback-only", what, &evidence);
            }
        }
    }

    fn media(&mut self) {
        for (who, range, evidence) in self.media_ranges() {
            let mut swallowed: Vec<u16> =
                self.signalling().into_iter().filter(|p| holds(range, *p)).collect();
            swallowed.sort_unstable();
            swallowed.dedup();
            if !swallowed.is_empty() {
                let ports = swallowed.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
                let what = format!(
                    "media range {range} ({who}) contains ports of other services, which stay closed to media: {ports}"
                );
                self.add("media-swallows", what, &evidence);
            }
            if let Some((first, last)) =
                self.facts.ephemeral.filter(|e| range.first <= e.1 && e.0 <= range.last)
            {
                let what = format!(
                    "media range {range} ({who}) overlaps the ports that Linux gives to clients, {first}-{last}: \
                     a client's port may be taken when a call needs it; set net.ipv4.ip_local_port_range beside it"
                );
                self.add("media-ephemeral", what, &evidence);
            }
        }
    }

    /// Configured ones; the roles' defaults where no file says.
    fn media_ranges(&self) -> Vec<(String, PortRange, Vec<Evidence>)> {
        let wide = self.observed.endpoints.iter().filter(|o| is_wide(&o.endpoint) && o.is_configured);
        let mut ranges: Vec<_> = wide
            .map(|o| {
                let purpose = o.endpoint.purpose.unwrap_or("media");
                let who = format!("{} {purpose}", o.endpoint.service);
                (who, PortRange::of(&o.endpoint), o.endpoint.evidence.clone())
            })
            .collect();
        for (role, _, service) in self.my_services() {
            let key: Key = (role.name.clone(), service.name.clone());
            if service.media && !self.observed.configured.contains_key(&key) {
                let evidence = vec![Evidence {
                    kind: Kind::Default,
                    source: service.origin.source.clone(),
                    text: format!("{} {}: {}", role.name, service.name, list(&service.ports)),
                }];
                ranges.extend(service.ports.iter().map(|r| (service.name.clone(), *r, evidence.clone())));
            }
        }
        ranges
    }

    /// UDP ports that are some service's own: those of the catalogue, and those seen here.
    fn signalling(&self) -> Vec<u16> {
        let known = self.catalogue.services().filter(|(_, s)| !s.media).flat_map(|(_, s)| &s.ports);
        let seen = self.observed.endpoints.iter().filter(|o| !self.is_client(o)).filter_map(ports::own);
        known
            .copied()
            .chain(seen.filter(|range| range.proto == Proto::Udp))
            .filter(|range| range.proto == Proto::Udp)
            .flat_map(|range| range.first..=range.last)
            .collect()
    }

    /// Two programs whose files claim one port.
    fn shared_ports(&mut self) {
        let claimed: Vec<&Observation> =
            self.observed.endpoints.iter().filter(|o| o.is_configured && !is_wide(&o.endpoint)).collect();
        for (position, one) in claimed.iter().enumerate() {
            for other in &claimed[..position] {
                let (a, b) = (&one.endpoint, &other.endpoint);
                let is_shared = PortRange::of(a).overlaps(PortRange::of(b)) && overlaps(a.address, b.address);
                // epmd is one process for every Erlang program of a host.
                let is_common = a.purpose == Some("epmd") && b.purpose == Some("epmd");
                if a.service != b.service && is_shared && !is_common {
                    let what = format!("two services on one port: {} and {}", words(other), words(one));
                    let evidence: Vec<Evidence> = b.evidence.iter().chain(&a.evidence).cloned().collect();
                    self.add("shared-port", what, &evidence);
                }
            }
        }
    }
}

fn words(observation: &Observation) -> String {
    let endpoint = &observation.endpoint;
    let name = if endpoint.service.is_empty() { "a process that may not be seen" } else { &endpoint.service };
    let (first, last) = endpoint.ports;
    let ports = if first == last { first.to_string() } else { format!("{first}-{last}") };
    format!("{} {} {ports} ({name})", endpoint.transport, endpoint.address)
}

fn list(ports: &[PortRange]) -> String {
    ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn holds(range: PortRange, port: u16) -> bool {
    (range.first..=range.last).contains(&port)
}
