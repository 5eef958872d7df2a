//! Addresses as these servers write them: `_local_`, `_site_`, `_eth0:ipv4_`, names.
//! Source: Elasticsearch's "Networking", "Special values for network addresses".

use super::settings::Settings;
use crate::Address;
use crate::reading::Reading;
use crate::text::{Place, Text};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is bound where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// Elasticsearch 1 and before: every address.
    Before2,
    /// This host alone.
    From2,
}

impl Version {
    /// By the library that is installed, or else by what only files of old versions say; a version that is
    /// not known is not that old.
    pub(super) fn of(reading: &mut Reading<'_>, text: &Text, settings: &Settings) -> Version {
        let names = reading.list("/usr/share/elasticsearch/lib");
        let numbers = || names.iter().filter_map(|name| number(name));
        let is_old = match numbers().next() {
            Some(_) => numbers().any(|number| number.starts_with("0.") || number.starts_with("1.")),
            None => is_old_file(text, settings),
        };
        if is_old { Version::Before2 } else { Version::From2 }
    }

    pub(super) fn default(self, reading: &mut Reading<'_>) -> Vec<Address> {
        match self {
            Version::Before2 => vec![Address::Every],
            Version::From2 => loopbacks(reading).into_iter().map(Address::One).collect(),
        }
    }

    pub(super) fn default_in_words(self) -> &'static str {
        match self {
            Version::Before2 => "no network.host: every address before version 2",
            Version::From2 => "no network.host: _local_, the loopback addresses",
        }
    }
}

/// `elasticsearch-1.7.5.jar`; beside it are others of the name, without a number.
fn number(name: &str) -> Option<&str> {
    let number = name.strip_prefix("elasticsearch-")?.strip_suffix(".jar")?;
    number.starts_with(|c: char| c.is_ascii_digit()).then_some(number)
}

/// Settings that version 2 has given up, and the comment of the file that came with version 1.
fn is_old_file(text: &Text, settings: &Settings) -> bool {
    let given_up = ["discovery.zen.ping.multicast.enabled", "script.disable_dynamic"];
    given_up.iter().any(|key| settings.last(key).is_some())
        || text.content().contains("by default, binds itself to the 0.0.0.0 address")
}

/// The addresses that a word stands for.
pub(super) fn addresses(reading: &mut Reading<'_>, word: &str, at: &Place) -> Vec<Address> {
    let special = word.strip_prefix('_').and_then(|rest| rest.strip_suffix('_'));
    let found = match special {
        Some(name) => self::special(reading, word, name, at),
        // Java's wildcard of IPv6 takes both families.
        None if word.parse() == Ok(Ipv6Addr::UNSPECIFIED) || word == "[::]" => return vec![Address::Every],
        // Java reads the short form.
        None if word == "0" => vec![Ipv4Addr::UNSPECIFIED.into()],
        None => reading.addresses(word, at),
    };
    found.into_iter().map(Address::One).collect()
}

fn special(reading: &mut Reading<'_>, word: &str, name: &str, at: &Place) -> Vec<IpAddr> {
    // An interface's name may have colons itself.
    let (name, family) = match name.rsplit_once(':') {
        Some((name, family @ ("ipv4" | "ipv6"))) => (name, Some(family)),
        _ => (name, None),
    };
    let is_kept = |address: &IpAddr| match family {
        Some("ipv4") => address.is_ipv4(),
        Some(_) => address.is_ipv6(),
        None => true,
    };
    let found = match name {
        "local" => Some(loopbacks(reading)),
        "site" => of_host(reading, is_site),
        "global" => of_host(reading, is_global),
        "non_loopback" => of_host(reading, |address| !address.is_loopback()),
        // `_ec2:privateIp_`, `_gce:hostname_`: the cloud's to know.
        _ if name.starts_with("ec2") || name.starts_with("gce") || name.starts_with("azure") => None,
        interface => reading.interface(interface),
    };
    let kept: Vec<IpAddr> = found.unwrap_or_default().into_iter().filter(is_kept).collect();
    if kept.is_empty() {
        reading.unresolved(format!("the addresses that {word} stands for"), at);
    }
    kept
}

fn loopbacks(reading: &Reading<'_>) -> Vec<IpAddr> {
    let known = of_host(reading, |address| address.is_loopback()).unwrap_or_default();
    if known.is_empty() { vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] } else { known }
}

fn of_host(reading: &Reading<'_>, is_wanted: impl Fn(&IpAddr) -> bool) -> Option<Vec<IpAddr>> {
    let interfaces = reading.facts().interfaces.all()?;
    Some(interfaces.iter().map(|(_, address)| *address).filter(is_wanted).collect())
}

/// RFC 1918, and what RFC 3879 has given up.
fn is_site(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private(),
        IpAddr::V6(address) => address.segments()[0] & 0xffc0 == 0xfec0,
    }
}

fn is_global(address: &IpAddr) -> bool {
    let is_link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !address.is_loopback() && !is_site(address) && !is_link_local
}
