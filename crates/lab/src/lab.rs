//! A lab: networks, and hosts plugged into them, up within milliseconds and gone when dropped.
//! Not here: what hosts do ([`crate::Host`]).

use crate::host::Host;
use crate::ip::{self, IpError, tool_path};
use crate::links::{self, Links, LinksError};
use crate::spec::{HostSpec, Plug};
use crate::sysctl;
use rolewall_kernel::{NetNs, NetNsError};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

/// The bridge of a network, in the network's own namespace.
const BRIDGE: &str = "br0";

/// Index of the first bridge port. Linux delays the carrier of a link by up to a second if both its ends
/// have one index (it takes them for one device), so ports count from where a host's interfaces never are.
const FIRST_PORT: u32 = 1001;

/// Networks and hosts. Dropped, all of it is gone.
#[derive(Debug)]
pub struct Lab {
    networks: BTreeMap<String, Network>,
    hosts: Vec<Host>,
}

/// What a lab should be made of.
#[derive(Debug, Default)]
pub struct LabBuilder {
    networks: Vec<String>,
    hosts: Vec<HostSpec>,
}

/// A wire that hosts are plugged into: a bridge that forwards everything, in a namespace of its own.
#[derive(Debug)]
struct Network {
    namespace: NetNs,
    next_port: u32,
}

/// Why a lab could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// No namespace could be made.
    #[error("{0}. A lab lives in network namespaces: run it as root")]
    NetNs(#[from] NetNsError),
    /// A command that a lab needs is not here.
    #[error("a lab needs the command `{command}`, which is not in {path}; install the package {package}")]
    Missing {
        /// The command.
        command: &'static str,
        /// The Debian package that has it.
        package: &'static str,
        /// Where it was looked for.
        path: String,
    },
    /// `ip` did not do as told.
    #[error(transparent)]
    Ip(#[from] IpError),
    /// Links that did not come up.
    #[error(transparent)]
    Links(#[from] LinksError),
    /// A network setting was refused.
    #[error("{place}: setting {source}")]
    Sysctl {
        /// Whose namespace it was for.
        place: String,
        /// The setting, and what the system said.
        source: io::Error,
    },
    /// A plug into a network that the lab does not have.
    #[error("host {host}: there is no network `{network}`; there are: {known}")]
    UnknownNetwork {
        /// The host.
        host: String,
        /// What it asked for.
        network: String,
        /// What there is.
        known: String,
    },
    /// A host that the lab does not have.
    #[error("the lab has no host `{host}`; it has: {known}")]
    UnknownHost {
        /// What was asked for.
        host: String,
        /// What there is.
        known: String,
    },
    /// Two of one name.
    #[error("the lab would have two hosts or networks `{name}`")]
    Twice {
        /// The name.
        name: String,
    },
}

/// Whether a lab can be set up here: namespaces may be made, and the commands that it needs are there.
pub fn ready() -> Result<(), LabError> {
    drop(NetNs::create()?);
    let path = tool_path();
    for (command, package) in [("ip", "iproute2"), ("sh", "dash"), ("mount", "mount")] {
        if !path.split(':').any(|directory| Path::new(directory).join(command).is_file()) {
            return Err(LabError::Missing { command, package, path });
        }
    }
    Ok(())
}

impl LabBuilder {
    /// A network more.
    #[must_use]
    pub fn network(mut self, name: &str) -> LabBuilder {
        self.networks.push(name.to_owned());
        self
    }

    /// A host more.
    #[must_use]
    pub fn host(mut self, spec: HostSpec) -> LabBuilder {
        self.hosts.push(spec);
        self
    }

    /// Sets all of it up; when this returns, packets go through.
    pub fn up(self) -> Result<Lab, LabError> {
        ready()?;
        let mut networks = BTreeMap::new();
        for name in self.networks {
            let network = Network::create(&name)?;
            if networks.insert(name.clone(), network).is_some() {
                return Err(LabError::Twice { name });
            }
        }
        let mut lab = Lab { networks, hosts: Vec::new() };
        lab.add_hosts(self.hosts)?;
        Ok(lab)
    }
}

impl Lab {
    /// Starts to say what the lab should be.
    pub fn builder() -> LabBuilder {
        LabBuilder::default()
    }

    /// The host of that name.
    pub fn host(&self, name: &str) -> Result<&Host, LabError> {
        let found = self.hosts.iter().find(|host| host.name() == name);
        found.ok_or_else(|| LabError::UnknownHost { host: name.to_owned(), known: self.host_names() })
    }

    /// All hosts, in the order in which they were added.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// Adds hosts while the others run.
    pub fn add_hosts(&mut self, specs: Vec<HostSpec>) -> Result<(), LabError> {
        self.check(&specs)?;
        let created = specs.into_iter().map(Host::create).collect::<Result<Vec<_>, _>>()?;
        let ports = self.plug_in(&created)?;
        for host in &created {
            host.in_namespace(|| host.interfaces().try_for_each(sysctl::widen_neighbour_queue))?
                .map_err(|source| LabError::Sysctl { place: host.place(), source })?;
        }
        let batches =
            created.iter().map(|host| ip::start(host.place(), host.namespace(), addresses(host.spec())));
        ip::finish_all(batches.collect::<Result<_, _>>()?)?;
        let plugs = created.iter().map(|host| Links::new(host.place(), host.namespace(), host.interfaces()));
        let ports = ports.iter().map(|(name, ports)| {
            Links::new(place_of(name), &self.networks[name].namespace, ports.iter().map(String::as_str))
        });
        links::await_up(plugs.chain(ports).collect())?;
        for host in &created {
            links::await_joined(&host.place(), host.namespace(), &host.all_ipv6())?;
        }
        self.hosts.extend(created);
        Ok(())
    }

    /// Takes a host away, its processes and interfaces with it. Its links are deleted first: Linux takes a
    /// namespace down in the background, and until then the host would still answer.
    pub fn remove_host(&mut self, name: &str) -> Result<(), LabError> {
        let host = self.host(name)?;
        host.power_off();
        let unplug: String =
            host.interfaces().map(|interface| format!("link delete {interface}\n")).collect();
        host.ip(&unplug)?;
        self.hosts.retain(|host| host.name() != name);
        Ok(())
    }

    fn host_names(&self) -> String {
        self.hosts.iter().map(Host::name).collect::<Vec<_>>().join(", ")
    }

    fn check(&self, specs: &[HostSpec]) -> Result<(), LabError> {
        let mut names: BTreeSet<&str> = self.hosts.iter().map(Host::name).collect();
        for HostSpec { name, plugs, gateways: _ } in specs {
            if !names.insert(name) {
                return Err(LabError::Twice { name: name.clone() });
            }
            if let Some(plug) = plugs.iter().find(|plug| !self.networks.contains_key(&plug.network)) {
                let known = self.networks.keys().cloned().collect::<Vec<_>>().join(", ");
                return Err(LabError::UnknownNetwork {
                    host: name.clone(),
                    network: plug.network.clone(),
                    known,
                });
            }
        }
        Ok(())
    }

    /// Makes the links of all hosts, with one `ip` for each network, and gives the ports of each network.
    fn plug_in(&mut self, hosts: &[Host]) -> Result<BTreeMap<String, Vec<String>>, LabError> {
        let (mut batches, mut ports) = (Vec::new(), BTreeMap::new());
        for (name, network) in &mut self.networks {
            let plugs = hosts.iter().flat_map(|host| host.spec().plugs.iter().map(move |plug| (host, plug)));
            let plugs = plugs.filter(|(_, plug)| plug.network == *name);
            let links = plugs.map(|(host, plug)| network.link(host.namespace(), plug));
            let (names, commands): (Vec<String>, Vec<String>) = links.unzip();
            if !names.is_empty() {
                batches.push(ip::start(place_of(name), &network.namespace, commands.concat())?);
                ports.insert(name.clone(), names);
            }
        }
        ip::finish_all(batches)?;
        Ok(ports)
    }
}

fn place_of(network: &str) -> String {
    format!("network {network}")
}

impl Network {
    fn create(name: &str) -> Result<Network, LabError> {
        let place = place_of(name);
        let namespace = NetNs::create()?;
        namespace
            .run(|| sysctl::write_all(sysctl::NETWORK))?
            .map_err(|source| LabError::Sysctl { place: place.clone(), source })?;
        let script = format!(
            "link add {BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0\nlink set {BRIDGE} up\n"
        );
        ip::finish_all(vec![ip::start(place, &namespace, script)?])?;
        Ok(Network { namespace, next_port: FIRST_PORT })
    }

    /// The next port's name, and the command that makes a pair of veths: one end that port of the bridge,
    /// the other the host's interface.
    fn link(&mut self, host: &NetNs, plug: &Plug) -> (String, String) {
        let index = self.next_port;
        self.next_port += 1;
        let (port, interface, host) = (format!("p{index}"), &plug.interface, descriptor_path(host));
        let veth = format!("type veth peer name {interface} netns {host}");
        let command = format!("link add {port} index {index} master {BRIDGE} up {veth}\n");
        (port, command)
    }
}

/// A path by which another process of ours opens the namespace. `/proc/self` gives the number of this
/// process as that `/proc` counts, which a getpid() in a container may not be.
fn descriptor_path(namespace: &NetNs) -> String {
    let own = std::fs::read_link("/proc/self").unwrap_or_else(|_| std::process::id().to_string().into());
    format!("/proc/{}/fd/{}", own.display(), namespace.as_fd().as_raw_fd())
}

/// The commands that give a host its addresses and routes, and take its interfaces up.
fn addresses(spec: &HostSpec) -> String {
    let mut script = String::from("link set lo up\n");
    for Plug { network: _, interface, addresses } in &spec.plugs {
        for address in addresses {
            let nodad = if address.ip().is_ipv6() { " nodad" } else { "" };
            script.push_str(&format!("address add {address} dev {interface}{nodad}\n"));
        }
        script.push_str(&format!("link set {interface} up\n"));
    }
    for router in &spec.gateways {
        script.push_str(&format!("route add default via {router}\n"));
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_precede_the_link_and_routes_follow_it() -> Result<(), crate::SpecError> {
        let spec = HostSpec::new("h").plug("n", "eth0", &["10.0.0.1/24", "fd00::1/64"])?;
        let script = addresses(&spec.gateway(std::net::Ipv4Addr::new(10, 0, 0, 254).into()));
        let expected = "link set lo up\naddress add 10.0.0.1/24 dev eth0\naddress add fd00::1/64 dev eth0 nodad\n\
                        link set eth0 up\nroute add default via 10.0.0.254\n";
        assert_eq!(script, expected);
        Ok(())
    }

    #[test]
    fn a_plug_into_no_network_names_those_there_are() -> Result<(), crate::SpecError> {
        let lab = Lab { networks: BTreeMap::new(), hosts: Vec::new() };
        let refused = lab.check(&[HostSpec::new("h").plug("nowhere", "eth0", &[])?]);
        assert!(matches!(refused, Err(LabError::UnknownNetwork { network, .. }) if network == "nowhere"));
        Ok(())
    }
}
