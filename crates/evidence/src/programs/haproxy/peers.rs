//! HAProxy's peers: the local one listens, the others are called.
//! Source: "Peers declaration" in HAProxy's configuration manual.

use super::At;
use super::bind::{self, Socket};
use crate::Listener;
use crate::reading::Reading;
use crate::text::Place;

#[derive(Debug, Default)]
struct Section {
    is_disabled: bool,
    is_tls: bool,
    binds: Vec<(String, Vec<String>, Place)>,
    peers: Vec<Peer>,
}

#[derive(Debug)]
struct Peer {
    name: String,
    address: Option<String>,
    place: Place,
}

#[derive(Debug, Default)]
pub(super) struct Peers {
    /// The local peer's name where that is known: the host's, if no file says another.
    pub(super) local: Option<String>,
    sections: Vec<Section>,
}

impl Peers {
    pub(super) fn section(&mut self) -> usize {
        self.sections.push(Section::default());
        self.sections.len() - 1
    }

    pub(super) fn line(&mut self, reading: &mut Reading<'_>, section: usize, words: &[String], at: &At<'_>) {
        let Some(section) = self.sections.get_mut(section) else { return };
        let Some((first, rest)) = words.split_first() else { return };
        let has_tls = || rest.iter().any(|word| word == "ssl");
        match first.as_str() {
            "disabled" => section.is_disabled = true,
            "enabled" => section.is_disabled = false,
            "default-bind" => section.is_tls |= has_tls(),
            "bind" if at.sure(reading, words) => {
                let (word, options) = rest.split_first().map_or(("", &[][..]), |(w, o)| (w.as_str(), o));
                section.binds.push((word.to_owned(), options.to_vec(), at.place()));
            }
            "peer" | "server" if at.sure(reading, words) => {
                let name = rest.first().cloned().unwrap_or_default();
                let address = rest.get(1).filter(|word| word.contains(':')).cloned();
                section.peers.push(Peer { name, address, place: at.place() });
            }
            _ => {}
        }
    }

    /// A section listens only where one of its peers is this host.
    pub(super) fn open(&self, reading: &mut Reading<'_>) {
        for section in self.sections.iter().filter(|section| !section.is_disabled) {
            let Some(local) = &self.local else {
                for peer in &section.peers {
                    let what = format!("whether peer {:?} is this host, which then listens", peer.name);
                    reading.unresolved(what, &peer.place);
                }
                continue;
            };
            if let Some(peer) = section.peers.iter().find(|peer| peer.name == *local) {
                section.open(reading, peer);
            }
        }
    }
}

impl Section {
    fn open(&self, reading: &mut Reading<'_>, peer: &Peer) {
        for (word, options, place) in &self.binds {
            let is_tls = self.is_tls || options.iter().any(|option| option == "ssl");
            for socket in bind::sockets(reading, word, options, "", false, place) {
                reading.listen(listener(&socket, is_tls).said(place).said(&peer.place));
            }
        }
        if let Some(word) = peer.address.as_deref().filter(|_| self.binds.is_empty()) {
            for socket in bind::sockets(reading, word, &[], "", false, &peer.place) {
                reading.listen(listener(&socket, self.is_tls).said(&peer.place));
            }
        }
    }
}

fn listener(socket: &Socket, is_tls: bool) -> Listener {
    Listener::at(socket.transport, socket.address, socket.ports, "peers").tls(is_tls)
}
