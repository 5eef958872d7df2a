//! A set of single addresses: of a cluster's nodes, or of a part of them.
//! Not here: networks, and where the addresses come from.

use std::net::IpAddr;

/// Each address once, as sorted numbers of its family. People write nodes in order, and what is in order already
/// is sorted by looking at it.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    v4: Vec<u32>,
    v6: Vec<u128>,
}

impl Addresses {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether this one is among them.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => self.v4.binary_search(&v4.into()).is_ok(),
            IpAddr::V6(v6) => self.v6.binary_search(&v6.into()).is_ok(),
        }
    }
}

impl<'a> FromIterator<&'a IpAddr> for Addresses {
    fn from_iter<I: IntoIterator<Item = &'a IpAddr>>(addresses: I) -> Addresses {
        let mut all = Addresses::default();
        for address in addresses {
            match *address {
                IpAddr::V4(v4) => all.v4.push(v4.into()),
                IpAddr::V6(v6) => all.v6.push(v6.into()),
            }
        }
        all.v4.sort_unstable();
        all.v4.dedup();
        all.v6.sort_unstable();
        all.v6.dedup();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_counts_once_and_families_are_apart() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let written = ["192.0.2.7", "2001:db8::7", "192.0.2.3", "192.0.2.7", "::192.0.2.9"].map(ip);
        let addresses = Addresses::from_iter(&written);
        assert_eq!(addresses.len(), 4);
        assert!(written.iter().all(|address| addresses.contains(*address)));
        assert!(!addresses.contains(ip("192.0.2.9")) && !addresses.contains(ip("::192.0.2.7")));
        assert!(Addresses::default().is_empty() && !addresses.is_empty());
    }
}
