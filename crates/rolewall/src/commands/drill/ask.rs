//! Who asks whom for what, and the asking: real handshakes, datagrams and pings, in both families.
//! Not here: what the answer should be ([`super::expect`]).

use super::cast::{
    CARRIER, COLLEAGUE, Cast, DB, OPERATOR, PBX, PRIVATE, PUBLIC, SIP, STATION, STRANGER, UNKNOWN, WEB,
};
use super::ended::Ended;
use rolewall_lab::{Host, Outcome, Probe};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    Tcp(u16),
    Udp(u16),
    Ping,
}

use Ask::{Ping, Tcp, Udp};

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tcp(port) => write!(f, "tcp/{port}"),
            Udp(port) => write!(f, "udp/{port}"),
            Ping => f.write_str("ping"),
        }
    }
}

/// One question, for both families.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    pub(super) network: &'static str,
    pub(super) ask: Ask,
}

/// From, to, over which network, and what for.
const ASKED: [(&str, &str, &str, &[Ask]); 16] = [
    (STRANGER, SIP, PUBLIC, &[Udp(5060), Tcp(5061), Tcp(22), Tcp(3306), Ping]),
    (CARRIER, SIP, PUBLIC, &[Udp(5060), Tcp(3306)]),
    (OPERATOR, SIP, PUBLIC, &[Tcp(22), Tcp(3306)]),
    (STATION, SIP, PUBLIC, &[Tcp(22), Tcp(3306)]),
    (COLLEAGUE, SIP, PUBLIC, &[Tcp(22), Tcp(5060)]),
    (PBX, SIP, PRIVATE, &[Udp(5060), Tcp(3306)]),
    (UNKNOWN, SIP, PRIVATE, &[Udp(5060), Tcp(22), Ping]),
    (SIP, CARRIER, PUBLIC, &[Udp(5060)]),
    (STRANGER, PBX, PUBLIC, &[Udp(12000), Udp(4000), Udp(5050), Tcp(5038)]),
    (SIP, PBX, PRIVATE, &[Udp(5050), Tcp(5038)]),
    (UNKNOWN, PBX, PRIVATE, &[Udp(5050), Udp(12000)]),
    (SIP, DB, PRIVATE, &[Tcp(3307), Tcp(11211), Tcp(3306), Tcp(22), Ping]),
    (WEB, DB, PRIVATE, &[Tcp(3307), Tcp(11211)]),
    (UNKNOWN, DB, PRIVATE, &[Tcp(3307), Tcp(11211)]),
    (DB, WEB, PRIVATE, &[Tcp(443), Tcp(4444)]),
    (WEB, PBX, PRIVATE, &[Tcp(5050)]),
];

/// All questions, in the order of the table.
pub(super) fn questions() -> Vec<Question> {
    let each = |(from, to, network, asks): (_, _, _, &'static [Ask])| {
        asks.iter().map(move |&ask| Question { from, to, network, ask })
    };
    ASKED.into_iter().flat_map(each).collect()
}

/// How long an answer is waited for: a thousand times what it takes here, for a machine that is busy, and less
/// than the 1 s after which TCP asks again by itself (RFC 6298).
pub(super) const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// What came of one question: by IPv4, by IPv6.
pub(super) type Answer = [Outcome; 2];

/// Asks all at once, each host on a thread of its own; answers in order.
pub(super) fn ask_all(cast: &Cast, questions: &[Question]) -> Result<Vec<Answer>, Ended> {
    let mut by_host: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (position, question) in questions.iter().enumerate() {
        by_host.entry(question.from).or_default().push(position);
    }
    let answered = std::thread::scope(|scope| {
        let threads: Vec<_> = by_host
            .values()
            .map(|positions| scope.spawn(move || ask_from(cast, questions, positions)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect::<Result<Vec<_>, Ended>>()
    })?;
    let mut answers = vec![[Outcome::Silent; 2]; questions.len()];
    for (position, answer) in answered.into_iter().flatten() {
        answers[position] = answer;
    }
    Ok(answers)
}

/// Asks the questions at these positions, which are all of one host.
fn ask_from(cast: &Cast, questions: &[Question], positions: &[usize]) -> Result<Vec<(usize, Answer)>, Ended> {
    let Some(first) = positions.first() else { return Ok(Vec::new()) };
    let mut probes = Vec::new();
    for &position in positions {
        let question = &questions[position];
        let to = ends(cast.host(question.to)?, question.network)?;
        probes.extend(to.map(|to| probe(question.ask, to)));
    }
    let outcomes = cast.host(questions[*first].from)?.probe_all_within(&probes, ANSWER_WITHIN)?;
    let pairs = outcomes.chunks_exact(2).map(|pair| [pair[0], pair[1]]);
    Ok(positions.iter().copied().zip(pairs).collect())
}

fn probe(ask: Ask, to: IpAddr) -> Probe {
    match ask {
        Tcp(port) => Probe::tcp(to, port),
        Udp(port) => Probe::udp(to, port),
        Ping => Probe::ping(to),
    }
}

/// A host's addresses on a network: IPv4, IPv6.
pub(super) fn ends(host: &Host, network: &str) -> Result<[IpAddr; 2], Ended> {
    match (host.ipv4(network), host.ipv6(network)) {
        (Some(v4), Some(v6)) => Ok([v4.into(), v6.into()]),
        _ => Err(Ended::NotAsPlanned(format!("{} has not both families on {network}", host.name()))),
    }
}
