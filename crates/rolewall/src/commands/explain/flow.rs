//! The flows that are asked about: words of the command line, or lines of a file.
//! Not here: what becomes of them.

use crate::cli::ExplainArgs;
use crate::failure::Failure;
use rolewall_policy::{Inventory, Settings};
use rolewall_ruleset::Flow;
use rolewall_ruleset::flow::{CtState, Direction, L4};
use serde::Deserialize;
use std::io::Read;
use std::net::IpAddr;

/// A flow as a line of JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FlowDocument {
    direction: String,
    proto: String,
    src: IpAddr,
    dst: IpAddr,
    sport: Option<u16>,
    dport: Option<u16>,
    iif: Option<String>,
    oif: Option<String>,
    ct: Option<String>,
    tcp_flags: Option<Vec<String>>,
    icmp_type: Option<u8>,
}

/// Where a flow names no interface and the settings name some: that of the network which the remote address
/// belongs to.
pub(super) fn choose_interface(flow: &mut Flow, inventory: &Inventory, settings: &Settings) {
    let remote = if flow.direction == Direction::Out { flow.dst } else { flow.src };
    // Without prefixes of the private network, the nodes' own addresses there tell.
    let is_private = inventory.cluster.private.iter().any(|net| net.contains(&remote))
        || inventory.nodes.iter().any(|node| node.private.contains(&remote));
    let interfaces = if is_private { &settings.private_interfaces } else { &settings.public_interfaces };
    let interface = interfaces.first().cloned();
    match flow.direction {
        Direction::In if flow.iif.is_none() => flow.iif = interface,
        Direction::Out if flow.oif.is_none() => flow.oif = interface,
        _ => {}
    }
}

/// All of them; every line that is none is told.
pub(super) fn flows(arguments: &ExplainArgs) -> Result<Vec<Flow>, Failure> {
    let Some(file) = &arguments.flows else {
        return Ok(vec![from_words(&arguments.flow, arguments)?]);
    };
    let text = if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|e| Failure::host(format_args!("cannot read standard input: {e}")))?;
        text
    } else {
        std::fs::read_to_string(file).map_err(|e| crate::failure::file_failure("read", file, &e))?
    };
    let mut flows = Vec::new();
    let mut wrong = Vec::new();
    for (number, line) in
        text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#'))
    {
        match line_flow(line.trim(), arguments) {
            Ok(flow) => flows.push(flow),
            Err(failure) => wrong.push(format!("{}:{}: {failure}", file.display(), number + 1)),
        }
    }
    if wrong.is_empty() { Ok(flows) } else { Err(Failure::input(wrong.join("\n")).help(EXAMPLE)) }
}

const EXAMPLE: &str = "a flow is  in tcp 198.51.100.7:40000 192.0.2.11:443  or  {\"direction\":\"in\",\"proto\":\"tcp\",\"src\":\"198.51.100.7\",\"dst\":\"192.0.2.11\",\"dport\":443}";

fn line_flow(line: &str, arguments: &ExplainArgs) -> Result<Flow, Failure> {
    if line.starts_with('{') {
        let document: FlowDocument = serde_json::from_str(line).map_err(Failure::input)?;
        return from_document(document);
    }
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    from_words(&words, arguments)
}

fn from_words(words: &[String], arguments: &ExplainArgs) -> Result<Flow, Failure> {
    let [direction_word, proto, src, dst] = words else {
        return Err(Failure::input(format_args!("a flow has four words, and these are {}", words.len()))
            .help(EXAMPLE));
    };
    let mut flow = Flow::parse(direction(direction_word)?, proto, src, dst)
        .map_err(|e| Failure::input(e).help(EXAMPLE))?;
    flow.iif.clone_from(&arguments.iif);
    flow.oif.clone_from(&arguments.oif);
    if let Some(word) = &arguments.ct {
        flow = flow.with_ct(ct_state(word)?);
    }
    Ok(flow)
}

fn from_document(document: FlowDocument) -> Result<Flow, Failure> {
    let FlowDocument { direction: way, proto, src, dst, sport, dport, iif, oif, ct, tcp_flags, icmp_type } =
        document;
    let end = |address: IpAddr, port: Option<u16>| match (address, port) {
        (address, None) => address.to_string(),
        (address, Some(port)) => std::net::SocketAddr::new(address, port).to_string(),
    };
    let flow = Flow::parse(direction(&way)?, &proto, &end(src, sport), &end(dst, dport));
    let mut flow = flow.map_err(|e| Failure::input(e).help(EXAMPLE))?;
    (flow.iif, flow.oif) = (iif, oif);
    if let Some(word) = ct {
        flow = flow.with_ct(ct_state(&word)?);
    }
    if let (L4::Tcp { flags, .. }, Some(names)) = (&mut flow.l4, tcp_flags) {
        *flags = tcp_flag_bits(&names)?;
    }
    if let Some(kind) = icmp_type {
        flow = flow.with_icmp_type(kind);
    }
    Ok(flow)
}

/// TCP's flags by their bits (RFC 9293 section 3.1).
fn tcp_flag_bits(names: &[String]) -> Result<u8, Failure> {
    const FLAGS: [&str; 8] = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];
    names.iter().try_fold(0, |bits, name| {
        let position = FLAGS.iter().position(|f| f.eq_ignore_ascii_case(name));
        let position = position.ok_or_else(|| {
            Failure::input(format_args!("\"{name}\" is not a TCP flag"))
                .help(format_args!("one of {}", FLAGS.join(", ")))
        })?;
        Ok(bits | 1 << position)
    })
}

fn direction(word: &str) -> Result<Direction, Failure> {
    match word {
        "in" => Ok(Direction::In),
        "out" => Ok(Direction::Out),
        "forward" => Ok(Direction::Forward),
        _ => {
            Err(Failure::input(format_args!("\"{word}\" is not a direction")).help("one of in, out, forward"))
        }
    }
}

fn ct_state(word: &str) -> Result<CtState, Failure> {
    Ok(match word {
        "new" => CtState::New,
        "established" => CtState::Established,
        "related" => CtState::Related,
        "invalid" => CtState::Invalid,
        "untracked" => CtState::Untracked,
        _ => {
            return Err(Failure::input(format_args!("\"{word}\" is not a state of conntrack"))
                .help("one of new, established, related, invalid, untracked"));
        }
    })
}
