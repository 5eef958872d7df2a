//! What was understood otherwise than it is written, or is most likely not meant: worth a line, not an error.
//! Not here: who prints it, and at which level.

use super::Place;
use ipnet::IpNet;
use std::fmt;

/// Something noticed in an input that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where.
    pub place: Place,
    /// What.
    pub noticed: Noticed,
}

/// What was noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noticed {
    /// Host bits were set and are masked: `10.10.33.1/24` is taken as `10.10.33.0/24`.
    HostBits {
        /// As it is written.
        written: String,
        /// As it is taken.
        taken: IpNet,
    },
    /// A prefix of length 0: every address of its family.
    EveryAddress {
        /// Of which list: `trusted networks`.
        list: &'static str,
        /// The prefix.
        net: IpNet,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        match &self.noticed {
            Noticed::HostBits { written, taken } => {
                write!(f, "{written} has bits of a host set and is taken as {taken}")
            }
            Noticed::EveryAddress { list, net } => {
                let family = if net.addr().is_ipv4() { "IPv4" } else { "IPv6" };
                write!(f, "{net} is every {family} address: as one of the {list} it stands for everybody")
            }
        }
    }
}
