//! Addresses and ports as configuration files write them.
//! Not here: what a name stands for on a host ([`crate::Reading::addresses`]).

/// `host`, and the port where one is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostPort<'a> {
    /// Without brackets; empty where only a port is written.
    pub host: &'a str,
    /// As it is written.
    pub port: Option<&'a str>,
}

/// Takes `host:port`, `[v6]:port`, `host`, `[v6]`, a bare IPv6 address or `:port` apart.
pub fn host_port(text: &str) -> HostPort<'_> {
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|t| t.split_once(']')) {
        return HostPort { host, port: rest.strip_prefix(':') };
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => HostPort { host, port: Some(port) },
        _ => HostPort { host: text, port: None },
    }
}

/// Whether that may be an address or a name; a placeholder (`${DB_HOST}`, `{{ host }}`) is neither.
pub fn is_host(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || ".-_:%[]".contains(c))
}

/// A port from 1 to 65535, in decimal digits and nothing else.
pub fn port(text: &str) -> Option<u16> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|port| is_number && *port != 0)
}

/// `N` or `N-M`, the first not above the last.
pub fn ports(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first.trim())?, port(last.trim())?);
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_taken_apart_in_every_spelling() {
        let apart = |text| {
            let HostPort { host, port } = host_port(text);
            (host, port)
        };
        assert_eq!(apart("192.0.2.1:80"), ("192.0.2.1", Some("80")));
        assert_eq!(apart("[2001:db8::1]:80"), ("2001:db8::1", Some("80")));
        assert_eq!(apart("[2001:db8::1]"), ("2001:db8::1", None));
        assert_eq!(apart("2001:db8::1"), ("2001:db8::1", None));
        assert_eq!(apart("::"), ("::", None));
        assert_eq!(apart(":80"), ("", Some("80")));
        assert_eq!(apart("*:80"), ("*", Some("80")));
        assert_eq!(apart("name"), ("name", None));
    }

    #[test]
    fn a_placeholder_is_no_host() {
        assert!(["192.0.2.1", "fe80::1%eth0", "[::1]", "db_1.example"].into_iter().all(is_host));
        assert!(!["", "${HOST}", "{{ host }}", "@HOST@", "$HOST", "<ip>"].into_iter().any(is_host));
    }

    #[test]
    fn a_port_is_a_number_that_a_socket_can_have() {
        assert_eq!(port("65535"), Some(65535));
        for wrong in ["0", "65536", "+80", "80 ", "", "http"] {
            assert_eq!(port(wrong), None, "{wrong}");
        }
        assert_eq!(ports("9200-9300"), Some((9200, 9300)));
        assert_eq!(ports("9300-9200"), None);
        assert_eq!(ports("80"), Some((80, 80)));
    }
}
