//! Attributes read back: an iterator that takes any bytes, and a table of them by kind.
//! Not here: writing them ([`super::message`]).

use super::wire::{ATTRIBUTE_HEADER_LEN, KIND_MASK};

/// The attributes in a piece of a message, in order. Ends at the first one that is cut short.
#[derive(Debug, Clone)]
pub(crate) struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Attributes<'a> {
        Attributes { rest: bytes }
    }

    /// Whether nothing was left over: false when the last attribute was cut short.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        let header = self.rest.first_chunk::<ATTRIBUTE_HEADER_LEN>()?;
        let len = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]) & KIND_MASK;
        let payload = self.rest.get(ATTRIBUTE_HEADER_LEN..len)?;
        let next = len.next_multiple_of(4).min(self.rest.len());
        self.rest = &self.rest[next..];
        Some((kind, payload))
    }
}

/// The attributes of kinds below `N`, by kind. Of a kind that occurs twice, the last, as in Linux.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a, const N: usize>([Option<&'a [u8]>; N]);

impl<'a, const N: usize> Fields<'a, N> {
    /// Those below `N`; others are passed over.
    pub(crate) fn known(bytes: &'a [u8]) -> Fields<'a, N> {
        let mut fields = [None; N];
        for (kind, payload) in Attributes::new(bytes) {
            if let Some(field) = fields.get_mut(usize::from(kind)) {
                *field = Some(payload);
            }
        }
        Fields(fields)
    }

    /// The same, but none if there is any other attribute, or a broken one.
    pub(crate) fn only(bytes: &'a [u8]) -> Option<Fields<'a, N>> {
        let mut fields = [None; N];
        let mut attributes = Attributes::new(bytes);
        for (kind, payload) in attributes.by_ref() {
            *fields.get_mut(usize::from(kind))? = Some(payload);
        }
        attributes.is_exhausted().then_some(Fields(fields))
    }

    pub(crate) fn bytes(&self, kind: u16) -> Option<&'a [u8]> {
        self.0.get(usize::from(kind)).copied().flatten()
    }

    pub(crate) fn has(&self, kind: u16) -> bool {
        self.bytes(kind).is_some()
    }

    pub(crate) fn u8(&self, kind: u16) -> Option<u8> {
        self.bytes(kind)?.first().copied()
    }

    pub(crate) fn be16(&self, kind: u16) -> Option<u16> {
        self.bytes(kind)?.first_chunk().map(|b| u16::from_be_bytes(*b))
    }

    pub(crate) fn be32(&self, kind: u16) -> Option<u32> {
        self.bytes(kind)?.first_chunk().map(|b| u32::from_be_bytes(*b))
    }

    pub(crate) fn be64(&self, kind: u16) -> Option<u64> {
        self.bytes(kind)?.first_chunk().map(|b| u64::from_be_bytes(*b))
    }

    pub(crate) fn ne32(&self, kind: u16) -> Option<u32> {
        self.bytes(kind)?.first_chunk().map(|b| u32::from_ne_bytes(*b))
    }

    pub(crate) fn text(&self, kind: u16) -> Option<String> {
        self.bytes(kind).map(text)
    }
}

/// A string up to its NUL. What is not UTF-8 is replaced: names come from anybody.
pub(crate) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_below_the_header_ends_the_list() {
        let bytes = [3, 0, 1, 0, 9, 9, 9, 9];
        let mut attributes = Attributes::new(&bytes);
        assert!(attributes.next().is_none());
        assert!(!attributes.is_exhausted());
    }

    #[test]
    fn a_length_beyond_the_end_ends_the_list() {
        let bytes = [9, 0, 1, 0, 7, 7, 7, 7];
        assert!(Attributes::new(&bytes).next().is_none());
        assert!(Fields::<4>::only(&bytes).is_none());
    }

    #[test]
    fn the_last_attribute_need_not_be_padded() {
        let bytes = [5, 0, 1, 0x80, 7];
        let fields = Fields::<4>::only(&bytes).expect("whole");
        assert_eq!(fields.u8(1), Some(7));
    }

    #[test]
    fn an_unknown_kind_is_passed_over_or_refused_as_asked() {
        let bytes = [4, 0, 9, 0];
        assert!(!Fields::<4>::known(&bytes).has(1));
        assert!(Fields::<4>::only(&bytes).is_none());
    }
}
