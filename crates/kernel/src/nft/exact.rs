//! Whether sets hold exactly what they should, told while their dump is read: what was read is not kept, so a
//! readback needs no second copy of a large set.
//! Not here: in what they differ ([`super::read`], and `rolewall_ruleset::delta`).

use super::decode::element_list;
use super::encode::nfgenmsg;
use super::wire::{self, LIST_ELEM, NFGENMSG_LEN, element, message};
use super::{Nft, NftError, codes::family_code};
use crate::netlink::Attributes;
use rolewall_ruleset::{Element, Set, TableId, Value};

impl Nft {
    /// Whether the named sets of a table hold these sets' elements, each and no others, all at one moment;
    /// sets that packets fill are left out. Where it is false they may still mean the same (what is left of
    /// a lifetime differs, say): read them then, and compare.
    pub fn holds_exactly(&mut self, id: &TableId, sets: &[Set]) -> Result<bool, NftError> {
        self.consistently(&format!("comparing the elements of {} sets of {id}", sets.len()), |nft| {
            for set in sets.iter().filter(|set| !set.flags.dynamic) {
                let is_held = match Unseen::of(set) {
                    Some(unseen) => nft.holds_once(id, set, unseen)?,
                    None => nft.elements_once(id, &set.name, set)? == set.elements,
                };
                if !is_held {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    fn holds_once(&mut self, id: &TableId, set: &Set, mut unseen: Unseen<'_>) -> Result<bool, NftError> {
        let doing = format!("comparing the elements of {id} {}", set.name);
        let fill = |w: &mut crate::netlink::Writer| {
            w.fixed(&nfgenmsg(family_code(id.family), 0));
            w.string(wire::element::LIST_TABLE, &id.name);
            w.string(wire::element::LIST_SET, &set.name);
        };
        let mut are_wanted = true;
        self.dump(&doing, message::GETSETELEM, fill, |m| {
            let (_, _, _, list) = element_list(m.after(NFGENMSG_LEN))?;
            are_wanted = are_wanted && unseen.see(list);
            Some(())
        })?;
        Ok(are_wanted && unseen.left == 0)
    }
}

/// Whether a list holds exactly a set's elements; none of a set that is not compared so.
#[cfg(feature = "fuzz")]
pub(super) fn is_exactly(set: &Set, list: &[u8]) -> Option<bool> {
    let mut unseen = Unseen::of(set)?;
    Some(unseen.see(list) && unseen.left == 0)
}

/// Keys that were not among what was read so far.
struct Unseen<'a> {
    /// Ascending by key, none twice.
    wanted: &'a [Element],
    is_seen: Vec<bool>,
    left: usize,
}

impl<'a> Unseen<'a> {
    /// None of a set that has anything beside plain keys.
    fn of(set: &'a Set) -> Option<Unseen<'a>> {
        let wanted = &set.elements;
        let bare = |e: &Element| e.end.is_none() && e.data.is_none() && e.extra.is_none();
        let is_plain = !set.flags.interval && wanted.iter().all(bare);
        let in_order = wanted.is_sorted_by(|a, b| a.key < b.key);
        let unseen = || Unseen { wanted, is_seen: vec![false; wanted.len()], left: wanted.len() };
        (is_plain && in_order).then(unseen)
    }

    /// Whether each element of a list is wanted, and was not there before.
    fn see(&mut self, list: &[u8]) -> bool {
        let mut elements = Attributes::new(list);
        let are_wanted = elements
            .by_ref()
            .all(|(kind, bytes)| kind == LIST_ELEM && plain_key(bytes).is_some_and(|key| self.take(key)));
        are_wanted && elements.is_exhausted()
    }

    fn take(&mut self, key: &[u8]) -> bool {
        let key = Value::from_bytes(key);
        let Ok(index) = self.wanted.binary_search_by(|e| e.key.cmp(&key)) else { return false };
        let is_new = !std::mem::replace(&mut self.is_seen[index], true);
        self.left -= usize::from(is_new);
        is_new
    }
}

/// The key of an element that has nothing else.
fn plain_key(bytes: &[u8]) -> Option<&[u8]> {
    let key = only(bytes, element::KEY)?;
    only(key, wire::data::VALUE)
}

/// What is in an attribute that stands alone.
fn only(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut attributes = Attributes::new(bytes);
    let (kind, payload) = attributes.next()?;
    (kind == wanted && attributes.is_exhausted()).then_some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::Writer;
    use crate::nft::encode::{ElementForm, write_key};
    use rolewall_ruleset::DataType;

    fn ports(keys: &[u8]) -> Set {
        let mut set = Set::new("s", &[DataType::InetService]);
        set.elements = keys.iter().map(|key| Element::key(&[0, *key])).collect();
        set
    }

    fn list(elements: &[Element]) -> Vec<u8> {
        let mut w = Writer::default();
        elements.iter().for_each(|e| write_key(&mut w, e, ElementForm::Plain));
        w.into_bytes()
    }

    fn left(wanted: &[u8], held: &[u8]) -> Option<usize> {
        let set = ports(wanted);
        let mut unseen = Unseen::of(&set).expect("plain");
        unseen.see(&list(&ports(held).elements)).then_some(unseen.left)
    }

    #[test]
    fn every_key_must_be_there_and_no_other() {
        assert_eq!(left(&[1, 2, 3], &[3, 1, 2]), Some(0));
        assert_eq!(left(&[1, 2, 3], &[3, 1]), Some(1));
        assert_eq!(left(&[1, 2, 3], &[3, 1, 2, 4]), None);
        assert_eq!(left(&[1, 2, 3], &[3, 1, 1]), None);
        assert_eq!(left(&[], &[]), Some(0));
    }

    #[test]
    fn an_element_with_anything_beside_its_key_is_not_taken_for_plain() {
        let set = ports(&[1]);
        let mut timed = Writer::default();
        timed.nest(LIST_ELEM, |w| {
            w.nest(element::KEY, |w| w.bytes(wire::data::VALUE, &[0, 1]));
            w.be64(element::TIMEOUT, 1000);
        });
        assert!(!Unseen::of(&set).expect("plain").see(timed.as_bytes()));
        assert!(!Unseen::of(&set).expect("plain").see(&[1, 2, 3]));
        let mut set = ports(&[1]);
        set.elements[0].end = Some(set.elements[0].key.clone());
        assert!(Unseen::of(&set).is_none());
        assert!(Unseen::of(&ports(&[2, 1])).is_none());
    }
}
