//! Questions about single elements: how many, and which of these, without dumping the set.
//! Not here: reading whole sets ([`super::read`]).
//!
//! The kernel answers a list of keys in order and stops at the first that is absent. Asked for a value
//! in an interval set, it gives where the interval around it begins. Asked for an end, it gives the next
//! one; but where intervals touch, it may say nothing at all and go on (seen on Linux 6.18), so ends are
//! asked for by themselves and told by their values, and what stays open by asking for the value behind.

use super::codes::family_code;
use super::decode::{self, RawElement};
use super::encode::{ElementForm, last_key, nfgenmsg, successor, write_end, write_key};
use super::wire::{self, NFGENMSG_LEN, message};
use super::{Nft, NftError};
use crate::netlink::{NetlinkError, Writer};
use rolewall_ruleset::{Element, Set, TableId, Value};
use rustix::io::Errno;
use std::collections::BTreeSet;

/// How many elements are asked for at once: the answers to their keys must fit the receive buffer.
const ELEMENTS_AT_ONCE: usize = 200;

/// What the kernel said to a list of keys.
struct Answers {
    raw: Vec<RawElement>,
    /// Whether it went through the whole list.
    is_complete: bool,
}

impl Nft {
    /// How many elements a set has, or none if there is no such set. Two small messages, whatever the size.
    /// On kernels that do not say, the elements are read and counted.
    ///
    /// The kernel counts an interval set as half of its begins and ends. That is exact for every set that
    /// was loaded here; of one that nft loaded and that holds both zero and the last value, one too few.
    pub fn element_count(&mut self, id: &TableId, set: &str) -> Result<Option<u32>, NftError> {
        let Some((count, set)) = self.counted_set(id, set)? else { return Ok(None) };
        match count {
            None => {
                let elements = self.read_elements(id, &set)?;
                Ok(Some(u32::try_from(elements.len()).unwrap_or(u32::MAX)))
            }
            Some(count) => Ok(Some(count.saturating_add(self.catchall_count(id, &set)?))),
        }
    }

    /// A set without elements, and the kernel's count of them where it gives one.
    fn counted_set(&mut self, id: &TableId, name: &str) -> Result<Option<(Option<u32>, Set)>, NftError> {
        let doing = format!("counting the elements of {id} {name}");
        let fill = |w: &mut Writer| {
            w.fixed(&nfgenmsg(family_code(id.family), 0));
            w.string(wire::set::TABLE, &id.name);
            w.string(wire::set::NAME, name);
        };
        let mut found = None;
        let asked = self.socket.ask(message::GETSET, fill, |m| {
            let bytes = m.after(NFGENMSG_LEN);
            found = decode::set(bytes).map(|decoded| {
                // The name of an anonymous set is needed to ask on.
                (decode::count(bytes), Set { name: decoded.name, ..decoded.set })
            });
        });
        match (asked, found) {
            (Ok(()), Some(found)) => Ok(Some(found)),
            (Ok(()), None) => Err(NftError::malformed(doing, "the kernel's answer")),
            (Err(NetlinkError::Refused(no)), _) if is_absent(no.errno) => Ok(None),
            (Err(e), _) => Err(NftError::exchange(doing, e)),
        }
    }

    /// The element `*` is not among those that the kernel counts.
    fn catchall_count(&mut self, id: &TableId, set: &Set) -> Result<u32, NftError> {
        let star = Element::key(&[]);
        let answers = self.ask_elements(id, set, |w| write_key(w, &star, ElementForm::Plain))?;
        Ok(u32::from(!answers.raw.is_empty()))
    }

    /// Those of `wanted` that a named set holds, as the kernel holds them: with data, what is left of
    /// their lifetime, comment. In the order of `wanted`. Linear in their number, whatever the set's
    /// size. An interval counts as held only with exactly its first and last key.
    pub fn find_elements(
        &mut self,
        id: &TableId,
        set: &Set,
        wanted: &[Element],
    ) -> Result<Vec<Element>, NftError> {
        let mut found = Vec::new();
        let mut rest = wanted;
        while !rest.is_empty() {
            let asked = &rest[..rest.len().min(ELEMENTS_AT_ONCE)];
            let (held, settled) = self.begun_as_wanted(id, set, asked)?;
            found.extend(self.ended_as_wanted(id, set, held)?);
            rest = &rest[settled..];
        }
        Ok(found)
    }

    /// Those that are held and, of intervals, begin where they should and reach the last value that they
    /// should. Also how many are settled: all up to the first that is absent.
    fn begun_as_wanted(
        &mut self,
        id: &TableId,
        set: &Set,
        asked: &[Element],
    ) -> Result<(Vec<Element>, usize), NftError> {
        let form = ElementForm::of(set);
        let answers =
            self.ask_elements(id, set, |w| asked.iter().for_each(|e| write_question(w, e, form)))?;
        if answers.is_complete && answers.raw.len() < asked.len() && asked.len() > 1 {
            // Something was passed over without a word: one at a time cannot be misread.
            return self.begun_as_wanted(id, set, &asked[..1]);
        }
        let settled = (answers.raw.len() + 1).min(asked.len());
        let held = asked.iter().zip(answers.raw).filter_map(|(want, got)| held(want, got.element, form));
        Ok((held.collect(), settled))
    }

    /// Those that also end where they should.
    fn ended_as_wanted(
        &mut self,
        id: &TableId,
        set: &Set,
        mut held: Vec<Element>,
    ) -> Result<Vec<Element>, NftError> {
        let mut settled = 0;
        while ElementForm::of(set) == ElementForm::Interval && settled < held.len() {
            let ends: Vec<Value> = held[settled..].iter().filter_map(behind).collect();
            let answers = self.ask_elements(id, set, |w| ends.iter().for_each(|end| write_end(w, end)))?;
            let marked: BTreeSet<&Value> = answers.raw.iter().map(|r| &r.element.key).collect();
            let confirmed = |e: &Element| behind(e).is_none_or(|end| marked.contains(&end));
            settled += held[settled..].iter().take_while(|e| confirmed(e)).count();
            if let Some(end) = held.get(settled).and_then(behind) {
                if self.reaches(id, set, &end)? {
                    held.remove(settled);
                } else {
                    settled += 1;
                }
            }
        }
        Ok(held)
    }

    /// Whether the interval of the value before reaches this value too.
    fn reaches(&mut self, id: &TableId, set: &Set, value: &Value) -> Result<bool, NftError> {
        let next = Element::key(value.bytes());
        let next = self.ask_elements(id, set, |w| write_key(w, &next, ElementForm::Plain))?;
        Ok(next.raw.first().is_some_and(|r| r.element.key != *value))
    }

    /// Asks for a list of keys.
    fn ask_elements(
        &mut self,
        id: &TableId,
        set: &Set,
        keys: impl FnOnce(&mut Writer),
    ) -> Result<Answers, NftError> {
        let fill = |w: &mut Writer| {
            w.fixed(&nfgenmsg(family_code(id.family), 0));
            w.string(wire::element::LIST_TABLE, &id.name);
            w.string(wire::element::LIST_SET, &set.name);
            w.nest(wire::element::LIST_ELEMENTS, keys);
        };
        let mut raw = Vec::new();
        let asked = self.socket.ask(message::GETSETELEM, fill, |m| {
            if let Some((_, _, _, list)) = decode::element_list(m.after(NFGENMSG_LEN)) {
                raw.extend(decode::raw_elements(list));
            }
        });
        let doing = || format!("looking for elements in {id} {}", set.name);
        match asked {
            Ok(()) => Ok(Answers { raw, is_complete: true }),
            Err(NetlinkError::Refused(no)) if is_absent(no.errno) => {
                // The same number says that the set is absent.
                if raw.is_empty() && self.counted_set(id, &set.name)?.is_none() {
                    return Err(NftError::refused(doing(), no));
                }
                Ok(Answers { raw, is_complete: false })
            }
            Err(e) => Err(NftError::exchange(doing(), e)),
        }
    }
}

/// Of an interval, its last value: the answer is where the interval around that begins.
fn write_question(w: &mut Writer, wanted: &Element, form: ElementForm) {
    if form == ElementForm::Interval {
        write_key(w, &Element::key(last_key(wanted).bytes()), ElementForm::Plain);
    } else {
        write_key(w, wanted, form);
    }
}

/// The answer, if it is what was wanted as far as one answer can tell.
fn held(wanted: &Element, mut got: Element, form: ElementForm) -> Option<Element> {
    if form == ElementForm::Interval {
        got.end = wanted.end.clone();
    }
    (got.key == wanted.key && got.end == wanted.end).then_some(got)
}

/// The value behind an interval; none behind the last value, and none of the element `*`.
fn behind(e: &Element) -> Option<Value> {
    successor(last_key(e))
}

fn is_absent(errno: i32) -> bool {
    errno == Errno::NOENT.raw_os_error()
}
