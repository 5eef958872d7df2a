//! Elements as messages: lists of at most 64 KiB, and intervals as Linux wants them.
//! Not here: sets ([`super::set`]).
//!
//! Three forms. A plain key. In a concatenation of ranges, key and closing key in one element. In any
//! other interval set, two elements: where the interval begins, and, marked as an end, the first value
//! behind it; none where it reaches to the last value. nft also marks an end at zero in front of a first
//! interval that does not begin there. We always do, because then the kernel's count of elements is exact.

use super::BatchWriter;
use super::expr::{write_statements, write_value, write_verdict};
use crate::netlink::{Writer, wire as nl};
use crate::nft::userdata::{self, IntervalEnd};
use crate::nft::wire::{LIST_ELEM, element, message};
use rolewall_ruleset::set::{ElementExtra, MapData};
use rolewall_ruleset::{Element, Set, TableId, Value};

/// The most bytes of a nested attribute: its length is 16 bits.
const NEST_BYTES_MAX: usize = u16::MAX as usize;

/// How the elements of a set are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ElementForm {
    Plain,
    /// Begin and end as two elements.
    Interval,
    /// Key and closing key in one element.
    ConcatenatedRanges,
}

impl ElementForm {
    pub(crate) fn of(set: &Set) -> ElementForm {
        match (set.flags.interval, set.key.len()) {
            (false, _) => ElementForm::Plain,
            (true, 0 | 1) => ElementForm::Interval,
            (true, _) => ElementForm::ConcatenatedRanges,
        }
    }
}

/// How many elements Linux gets for these; what nft declares as the size of an anonymous set.
pub(super) fn sent_count(set: &Set, elements: &[Element]) -> usize {
    match ElementForm::of(set) {
        ElementForm::Interval => {
            let ends = elements.iter().filter(|e| end_of(e) == IntervalEnd::Closed && !is_catchall(e));
            elements.len() + ends.count() + usize::from(leading_end(elements).is_some())
        }
        ElementForm::Plain | ElementForm::ConcatenatedRanges => elements.len(),
    }
}

impl BatchWriter {
    /// Adds or deletes elements, in as many messages as it takes.
    pub(super) fn elements(
        &mut self,
        id: &TableId,
        set: &Set,
        elements: &[Element],
        kind: u16,
        flags: u16,
        set_id: Option<u32>,
    ) {
        let form = ElementForm::of(set);
        let name = if set.is_anonymous() { super::expr::anonymous_name(set) } else { &set.name };
        let mut list = List { batch: self, id, name, kind, flags, set_id, open: None };
        if form == ElementForm::Interval {
            if let Some(zero) = leading_end(elements).filter(|_| kind == message::NEWSETELEM) {
                list.leading_end(&zero);
            }
            sorted(elements).for_each(|e| list.push_element(e, form));
        } else {
            elements.iter().for_each(|e| list.push_element(e, form));
        }
        list.close();
    }
}

/// An element list that is being written, over several messages.
struct List<'a, 'b> {
    batch: &'a mut BatchWriter,
    id: &'b TableId,
    name: &'b str,
    kind: u16,
    flags: u16,
    set_id: Option<u32>,
    /// Where the open message and its list begin.
    open: Option<(usize, usize)>,
}

impl List<'_, '_> {
    fn push_element(&mut self, e: &Element, form: ElementForm) {
        if self.kind == message::NEWSETELEM {
            self.push(|w| write_element(w, e, form));
        } else {
            self.push(|w| write_key(w, e, form));
        }
    }

    /// It may be there already, so it goes by itself where the others must not be.
    fn leading_end(&mut self, zero: &Value) {
        let flags = std::mem::replace(&mut self.flags, nl::F_CREATE);
        self.push(|w| write_end(w, zero));
        if flags != self.flags {
            self.close();
            self.flags = flags;
        }
    }

    /// One element (an interval's begin and end), in the open message if it still fits.
    fn push(&mut self, write: impl Fn(&mut Writer)) {
        let (_, nest) = self.open();
        let before = self.batch.writer.len();
        write(&mut self.batch.writer);
        let first = before - nest == nl::ATTRIBUTE_HEADER_LEN;
        if self.batch.writer.len() - nest > NEST_BYTES_MAX && !first {
            self.batch.writer.truncate(before);
            self.close();
            self.open();
            write(&mut self.batch.writer);
        }
    }

    fn open(&mut self) -> (usize, usize) {
        if let Some(open) = self.open {
            return open;
        }
        let start = self.batch.open_operation(self.id.family, self.kind, self.flags);
        let w = &mut self.batch.writer;
        w.string(element::LIST_TABLE, &self.id.name);
        w.string(element::LIST_SET, self.name);
        if let Some(id) = self.set_id {
            w.be32(element::LIST_SET_ID, id);
        }
        let open = (start, w.open_nest(element::LIST_ELEMENTS));
        self.open = Some(open);
        open
    }

    fn close(&mut self) {
        if let Some((start, nest)) = self.open.take() {
            self.batch.writer.close_nest(nest);
            self.batch.writer.close_message(start);
        }
    }
}

/// Ascending by key: the interval backend loads that a quarter faster (measured on Linux 6.18).
fn sorted(elements: &[Element]) -> impl Iterator<Item = &Element> {
    let in_order = elements.is_sorted_by(|a, b| a.key <= b.key);
    let mut refs: Vec<&Element> = if in_order { Vec::new() } else { elements.iter().collect() };
    refs.sort_by(|a, b| a.key.cmp(&b.key));
    let straight = if in_order { elements } else { &[] };
    straight.iter().chain(refs)
}

/// The element itself, with all that an interval needs.
pub(crate) fn write_element(w: &mut Writer, e: &Element, form: ElementForm) {
    let open = form == ElementForm::Interval && !is_catchall(e) && end_of(e) == IntervalEnd::Open;
    let end = if open { IntervalEnd::Open } else { IntervalEnd::Closed };
    w.nest(LIST_ELEM, |w| write_begin(w, e, form, end));
    if form == ElementForm::Interval
        && let Some(behind) = successor(last_key(e))
    {
        write_end(w, &behind);
    }
}

/// The element without what is beside its key: how it is deleted or asked for.
pub(crate) fn write_key(w: &mut Writer, e: &Element, form: ElementForm) {
    let bare = Element { key: e.key.clone(), end: e.end.clone(), data: None, extra: None };
    write_element(w, &bare, form);
}

fn write_begin(w: &mut Writer, e: &Element, form: ElementForm, end: IntervalEnd) {
    let Element { key, end: closing, data, extra } = e;
    let none = ElementExtra::default();
    let ElementExtra { timeout_ms, expires_ms, comment, exprs } = extra.as_deref().unwrap_or(&none);
    if is_catchall(e) {
        w.be32(element::FLAGS, element::F_CATCHALL);
    }
    if let Some(timeout) = timeout_ms {
        w.be64(element::TIMEOUT, *timeout);
    }
    if let Some(expires) = expires_ms {
        w.be64(element::EXPIRATION, *expires);
    }
    if !is_catchall(e) {
        write_value(w, element::KEY, key);
        if form == ElementForm::ConcatenatedRanges {
            write_value(w, element::KEY_END, closing.as_ref().unwrap_or(key));
        }
    }
    match data {
        Some(MapData::Value(value)) => write_value(w, element::DATA, value),
        Some(MapData::Verdict(verdict)) => w.nest(element::DATA, |w| write_verdict(w, verdict)),
        None => {}
    }
    if let Some(bytes) = userdata::of_element(comment.as_deref(), end) {
        w.bytes(element::USERDATA, &bytes);
    }
    write_statements(w, element::EXPR, element::EXPRESSIONS, exprs);
}

/// The end of an interval: the first value behind it.
pub(crate) fn write_end(w: &mut Writer, at: &Value) {
    w.nest(LIST_ELEM, |w| {
        w.be32(element::FLAGS, element::F_INTERVAL_END);
        write_value(w, element::KEY, at);
    });
}

/// The element `*`, which stands for all other keys; it has none of its own.
fn is_catchall(e: &Element) -> bool {
    e.key.bytes().is_empty()
}

/// The last key of a range; of a single key, that.
pub(crate) fn last_key(e: &Element) -> &Value {
    e.end.as_ref().unwrap_or(&e.key)
}

fn end_of(e: &Element) -> IntervalEnd {
    if last_key(e).bytes().iter().all(|b| *b == 0xff) { IntervalEnd::Open } else { IntervalEnd::Closed }
}

/// The end at zero that leads; none where there is nothing to lead.
fn leading_end(elements: &[Element]) -> Option<Value> {
    let any = elements.iter().find(|e| !is_catchall(e))?;
    Some(Value::filled(0, any.key.bytes().len()))
}

/// The next value, counted as one big-endian number; none behind the last.
pub(crate) fn successor(value: &Value) -> Option<Value> {
    let mut next = value.clone();
    for byte in next.bytes_mut().iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return Some(next);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_carries_and_the_last_value_has_none() {
        let next = |b: &[u8]| successor(&Value::from_bytes(b)).map(|v| v.bytes().to_vec());
        assert_eq!(next(&[0, 255]), Some(vec![1, 0]));
        assert_eq!(next(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(next(&[255, 255]), None);
    }

    #[test]
    fn an_end_leads_unless_there_is_nothing_to_lead() {
        assert!(leading_end(&[]).is_none());
        assert!(leading_end(&[Element::key(&[])]).is_none());
        assert_eq!(leading_end(&[Element::key(&[0, 1])]), Some(Value::from_bytes(&[0, 0])));
    }
}
