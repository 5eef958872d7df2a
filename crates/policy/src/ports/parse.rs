//! Port ranges as people write them: `tcp/5222`, `udp/10000-20000`.
//! Not here: lists of them, and where in a file they stand.

use super::{PortRange, Proto};
use crate::read::{quote, shorten};
use std::str::FromStr;

/// Why a text is no port range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// Only ports, or something else without a slash.
    #[error("expected PROTOCOL/PORT or PROTOCOL/FIRST-LAST, found no protocol")]
    NoProto {
        /// What to write, where it is clear.
        ports: Option<String>,
    },
    /// Not a protocol with ports.
    #[error("unknown protocol {}: expected tcp, udp or sctp", quote(.0))]
    Proto(String),
    /// Not a number.
    #[error("{} is no port: expected a number from 1 to 65535", quote(.0))]
    NotANumber(String),
    /// 0 or above 65535.
    #[error("port {} does not exist: expected a number from 1 to 65535", shorten(.0))]
    OutOfRange(String),
    /// The last port before the first.
    #[error("the range {first}-{last} runs backwards")]
    Backwards {
        /// As written.
        first: u16,
        /// As written.
        last: u16,
    },
}

impl PortError {
    /// What to write instead.
    pub fn help(&self) -> String {
        match self {
            PortError::NoProto { ports: Some(ports) } => format!("write tcp/{ports} or udp/{ports}"),
            PortError::NoProto { ports: None } => "for example tcp/5222 or udp/10000-20000".into(),
            PortError::Proto(_) => "for example tcp/5222 or udp/10000-20000".into(),
            PortError::NotANumber(_) | PortError::OutOfRange(_) => {
                "services by name are not looked up; port 0 means no port".into()
            }
            PortError::Backwards { first, last } => format!("write {last}-{first}"),
        }
    }
}

impl FromStr for Proto {
    type Err = PortError;

    fn from_str(text: &str) -> Result<Proto, PortError> {
        match text {
            "tcp" => Ok(Proto::Tcp),
            "udp" => Ok(Proto::Udp),
            "sctp" => Ok(Proto::Sctp),
            _ => Err(PortError::Proto(text.to_owned())),
        }
    }
}

impl FromStr for PortRange {
    type Err = PortError;

    fn from_str(text: &str) -> Result<PortRange, PortError> {
        let Some((proto, ports)) = text.split_once('/') else {
            let is_ports = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
            return Err(PortError::NoProto { ports: is_ports.then(|| text.to_owned()) });
        };
        let proto = proto.parse()?;
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let (first, last) = (port(first)?, port(last)?);
        if last < first {
            return Err(PortError::Backwards { first, last });
        }
        Ok(PortRange { proto, first, last })
    }
}

fn port(text: &str) -> Result<u16, PortError> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(PortError::NotANumber(text.to_owned()));
    }
    match text.parse() {
        Ok(0) | Err(_) => Err(PortError::OutOfRange(text.to_owned())),
        Ok(port) => Ok(port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_printed() {
        for text in ["tcp/1", "udp/10000-20000", "sctp/65535"] {
            assert_eq!(text.parse::<PortRange>().unwrap().to_string(), text);
        }
        assert_eq!("udp/7-7".parse::<PortRange>().unwrap().to_string(), "udp/7");
    }

    #[test]
    fn what_is_no_port_says_why() {
        for (text, why) in [
            ("5222", "expected PROTOCOL/PORT or PROTOCOL/FIRST-LAST, found no protocol"),
            ("tcp/0", "port 0 does not exist: expected a number from 1 to 65535"),
            ("tcp/70000", "port 70000 does not exist: expected a number from 1 to 65535"),
            ("tcp/+80", "`+80` is no port: expected a number from 1 to 65535"),
            ("tcp/", "an empty string is no port: expected a number from 1 to 65535"),
            ("tcp/1-2-3", "`2-3` is no port: expected a number from 1 to 65535"),
            ("TCP/80", "unknown protocol `TCP`: expected tcp, udp or sctp"),
            ("udp/20-10", "the range 20-10 runs backwards"),
        ] {
            assert_eq!(text.parse::<PortRange>().unwrap_err().to_string(), why);
        }
    }
}
