//! Flows of the scene that go on, and the entries that conntrack has of them.
//! Not here: what becomes of them.

use super::scene::{Who, hosts, node_for};
use rolewall_kernel::conntrack::{self, TrackedFlow};
use rolewall_lab::{Conversation, Host, Lab};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

pub(crate) const SOON: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_millis(20);
/// TCP asks again within one second, so what is silent for longer is cut.
const CUT: Duration = Duration::from_secs(3);

/// All that a host tracks.
pub(crate) fn tracked(node: &Host) -> Vec<TrackedFlow> {
    node.in_namespace(conntrack::flows).unwrap().unwrap()
}

/// Ids of the entries whose first packet was somebody's.
pub(crate) fn ids(node: &Host, from: &[IpAddr]) -> BTreeSet<u32> {
    tracked(node).iter().filter(|f| from.contains(&f.original.src)).map(|f| f.id).collect()
}

/// Somebody's UDP sockets, one for each family, and where they ask.
pub(crate) struct Phone {
    sockets: [(UdpSocket, SocketAddr); 2],
}

impl Phone {
    /// Bound to port 4444.
    pub(crate) fn new(lab: &Lab, who: Who, port: u16) -> Phone {
        let host = if who.is_inside() { hosts(lab).1 } else { hosts(lab).2 };
        let sockets = who.addresses().map(|from| {
            let bound = || UdpSocket::bind((from, 4444)).unwrap();
            let socket = host.in_namespace(bound).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
            (socket, SocketAddr::new(node_for(who, from), port))
        });
        Phone { sockets }
    }

    /// Takes what has come in so far.
    pub(crate) fn forget_answers(&self) {
        for (socket, _) in &self.sockets {
            while socket.recv(&mut [0; 64]).is_ok() {}
        }
    }

    /// Whether an answer comes to a question from the same port as ever, in each family.
    pub(crate) fn is_answered(&self) -> [bool; 2] {
        self.sockets.each_ref().map(|(socket, to)| {
            socket.send_to(b"?", to).unwrap();
            socket.recv(&mut [0; 64]).is_ok()
        })
    }
}

/// Somebody's connections to a port of the node, one for each family; they answer when this returns.
pub(crate) fn conversations(lab: &Lab, who: Who, port: u16) -> [Conversation; 2] {
    let host = if who.is_inside() { hosts(lab).1 } else { hosts(lab).2 };
    let conversations = who
        .addresses()
        .map(|from| host.stream_from(from, SocketAddr::new(node_for(who, from), port), EVERY).unwrap());
    assert!(conversations.iter().all(|c| c.answers_within(SOON)), "{who:?}");
    conversations
}

/// Whether each goes on.
pub(crate) fn all_answer(conversations: &[Conversation]) -> bool {
    conversations.iter().all(|c| c.answers_within(SOON))
}

/// Whether none does.
pub(crate) fn none_answers(conversations: &[Conversation]) -> bool {
    conversations.iter().all(|c| !c.answers_within(CUT))
}
