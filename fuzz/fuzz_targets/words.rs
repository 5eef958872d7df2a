//! Words of a command line: flows, ports, names, durations. What is read and printed is read back as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolewall_policy::settings::{nodeid, window};
use rolewall_policy::{NodeName, PortRange};
use rolewall_ruleset::Flow;
use rolewall_ruleset::flow::{Direction, L4};
use std::net::SocketAddr;

fn spelled(flow: &Flow) -> (String, String, String) {
    let (src, dst) = match flow.l4 {
        L4::Tcp { sport, dport, .. } | L4::Udp { sport, dport } | L4::Sctp { sport, dport } => {
            let end = |address, port| SocketAddr::new(address, port).to_string();
            (end(flow.src, sport), end(flow.dst, dport))
        }
        _ => (flow.src.to_string(), flow.dst.to_string()),
    };
    (flow.l4.number().to_string(), src, dst)
}

fuzz_target!(|text: &str| {
    let mut words = text.split(' ');
    let mut word = || words.next().unwrap_or_default();
    let (first, second, third) = (word(), word(), word());
    match Flow::parse(Direction::In, first, second, third) {
        Ok(flow) => {
            let (proto, src, dst) = spelled(&flow);
            assert_eq!(Flow::parse(Direction::In, &proto, &src, &dst), Ok(flow));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    match text.parse::<PortRange>() {
        Ok(range) => {
            assert!(0 < range.first && range.first <= range.last);
            assert_eq!(range.to_string().parse(), Ok(range));
        }
        Err(error) => assert!(!error.to_string().is_empty() && !error.help().is_empty()),
    }
    match window::parse(text) {
        Ok(window) => assert!((window::MIN..=window::MAX).contains(&window)),
        Err(error) => assert!(!error.to_string().is_empty() && !error.help().is_empty()),
    }
    if let Some(name) = NodeName::new(text) {
        assert!(name.0 == text && text.len() <= NodeName::BYTES_MAX);
    }
    if let Ok(id) = nodeid::parse(text) {
        assert_eq!(nodeid::parse(&id), Ok(id));
    }
});
