//! Lists of prefixes, ports and names, as several files have them.
//! Not here: the keys under which they stand.

use super::{Reader, Span, Value, either, nearest, prefix, quote, without_contained};
use crate::problem::{Note, Noticed};
use crate::settings::PlacedNet;
use crate::{Catalogue, PortRange, Role};
use ipnet::IpNet;

/// How far a word of one of the few that a key can have.
pub(crate) type Choices<'c, T> = &'c [(&'static str, T)];

impl Reader<'_, '_> {
    /// A list of prefixes, host bits masked, each with its place; none of them inside another.
    pub(crate) fn prefixes(
        &mut self,
        value: &Value<'_>,
        example: &str,
        notes: &mut Vec<Note>,
    ) -> Vec<PlacedNet> {
        let mut nets = Vec::new();
        for (written, span) in self.strings(value, "prefixes", example) {
            match prefix(written) {
                Ok(net) => nets.push(self.masked(net, written, &span, notes)),
                Err(error) => self.wrong(span, || error.to_string(), || error.help()),
            }
        }
        without_contained(nets, |placed| placed.net)
    }

    fn masked(&self, net: IpNet, written: &str, span: &Span, notes: &mut Vec<Note>) -> PlacedNet {
        let taken = net.trunc();
        if taken != net {
            let noticed = Noticed::HostBits { written: written.to_owned(), taken };
            notes.push(Note { place: self.place(span), noticed });
        }
        PlacedNet { net: taken, place: self.line_place(span) }
    }

    /// A list of port ranges; at least one.
    pub(crate) fn ports(&mut self, value: &Value<'_>, example: &str) -> Vec<PortRange> {
        let mut ports: Vec<PortRange> = Vec::new();
        for (written, span) in self.strings(value, "ports", example) {
            match written.parse::<PortRange>() {
                Ok(range) => match ports.iter().find(|p| p.overlaps(range)) {
                    Some(earlier) => {
                        let what = format!("{range} overlaps {earlier} of the same list");
                        self.wrong(span, || what, || "leave out what is there already".into());
                    }
                    None => ports.push(range),
                },
                Err(error) => self.wrong(span, || error.to_string(), || error.help()),
            }
        }
        ports
    }

    /// A role by one of its names.
    pub(crate) fn role<'c>(&mut self, name: &str, span: Span, catalogue: &'c Catalogue) -> Option<&'c Role> {
        let role = catalogue.resolve(name);
        if role.is_none() {
            self.wrong(span, || unknown_role(name), || known_roles(name, catalogue));
        }
        role
    }

    /// One of few words.
    pub(crate) fn choice<T: Copy>(&mut self, value: &Value<'_>, choices: Choices<'_, T>) -> Option<T> {
        let chosen_by = |word: &str| choices.iter().find(|(choice, _)| *choice == word).map(|(_, c)| *c);
        // Words about it are made only where they are needed: the catalogue has hundreds of choices.
        if let Some(chosen) = value.get_ref().as_str().and_then(chosen_by) {
            return Some(chosen);
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let wanted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        let wanted = either(&wanted);
        let word = self.string(value, &wanted, &format!("\"{}\"", words.first().unwrap_or(&"")))?;
        let what = || format!("expected {wanted}, found {}", quote(word));
        self.wrong(self.span(value), what, || match nearest(word, words.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("write {wanted}"),
        });
        None
    }
}

/// What is wrong with a name that is no role's.
pub(crate) fn unknown_role(name: &str) -> String {
    format!("unknown role {}", quote(name))
}

/// The role that was meant, or all there are.
pub(crate) fn known_roles(name: &str, catalogue: &Catalogue) -> String {
    match nearest(name, catalogue.names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let own: Vec<&str> = catalogue.roles.keys().map(|n| n.0.as_str()).collect();
            format!("the roles are {}; a role of your own needs a file in roles.d", own.join(", "))
        }
    }
}
