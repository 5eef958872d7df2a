//! Netlink messages as bytes: header, attributes, nests, into one growing buffer.
//! Not here: what any subsystem means by them, and sending them.

use super::wire::{ATTRIBUTE_HEADER_LEN, HEADER_LEN, NESTED};

/// What of `nlmsghdr` is chosen; the length follows from the contents.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) seq: u32,
}

/// A buffer that messages are written into, one behind the other.
///
/// An attribute's length is 16 bits. One that does not fit is remembered ([`Writer::take_too_long`]), so
/// that a length is never cut: the bytes of such a buffer must not be sent.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
    too_long: bool,
}

impl Writer {
    pub(crate) fn with_capacity(size_bytes: usize) -> Writer {
        Writer { bytes: Vec::with_capacity(size_bytes), too_long: false }
    }

    /// One message: its header, then what `fill` writes.
    pub(crate) fn message(&mut self, header: Header, fill: impl FnOnce(&mut Writer)) {
        let start = self.open_message(header);
        fill(self);
        self.close_message(start);
    }

    pub(crate) fn open_message(&mut self, header: Header) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&0u32.to_ne_bytes());
        self.bytes.extend_from_slice(&header.kind.to_ne_bytes());
        self.bytes.extend_from_slice(&header.flags.to_ne_bytes());
        self.bytes.extend_from_slice(&header.seq.to_ne_bytes());
        self.bytes.extend_from_slice(&0u32.to_ne_bytes());
        debug_assert_eq!(self.bytes.len() - start, HEADER_LEN);
        start
    }

    pub(crate) fn close_message(&mut self, start: usize) {
        let len = self.bytes.len() - start;
        match u32::try_from(len) {
            Ok(len) => self.bytes[start..start + 4].copy_from_slice(&len.to_ne_bytes()),
            Err(_) => self.too_long = true,
        }
    }

    /// The subsystem's own header, which follows `nlmsghdr`.
    pub(crate) fn fixed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.pad();
    }

    pub(crate) fn bytes(&mut self, kind: u16, value: &[u8]) {
        let start = self.open(kind);
        self.bytes.extend_from_slice(value);
        self.close_nest(start);
    }

    pub(crate) fn u8(&mut self, kind: u16, value: u8) {
        self.bytes(kind, &[value]);
    }

    pub(crate) fn be16(&mut self, kind: u16, value: u16) {
        self.bytes(kind, &value.to_be_bytes());
    }

    pub(crate) fn be32(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_be_bytes());
    }

    pub(crate) fn be64(&mut self, kind: u16, value: u64) {
        self.bytes(kind, &value.to_be_bytes());
    }

    /// A string with the NUL that the kernel wants behind it.
    pub(crate) fn string(&mut self, kind: u16, value: &str) {
        let start = self.open(kind);
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(0);
        self.close_nest(start);
    }

    pub(crate) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Writer)) {
        let start = self.open_nest(kind);
        fill(self);
        self.close_nest(start);
    }

    pub(crate) fn open_nest(&mut self, kind: u16) -> usize {
        self.open(kind | NESTED)
    }

    /// Writes the length of the attribute that began at `start`, and pads.
    pub(crate) fn close_nest(&mut self, start: usize) {
        let len = self.bytes.len() - start;
        match u16::try_from(len) {
            Ok(len) => self.bytes[start..start + 2].copy_from_slice(&len.to_ne_bytes()),
            Err(_) => self.too_long = true,
        }
        self.pad();
    }

    fn open(&mut self, kind: u16) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&0u16.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        debug_assert_eq!(self.bytes.len() - start, ATTRIBUTE_HEADER_LEN);
        start
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Takes back everything from `len` on.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    /// Adds flags to the message whose header begins at `start`.
    pub(crate) fn add_flags(&mut self, start: usize, flags: u16) {
        let at = start + 6;
        let old = u16::from_ne_bytes([self.bytes[at], self.bytes[at + 1]]);
        self.bytes[at..at + 2].copy_from_slice(&(old | flags).to_ne_bytes());
    }

    /// Whether some attribute did not fit since this was last asked.
    pub(crate) fn take_too_long(&mut self) -> bool {
        std::mem::take(&mut self.too_long)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_padded_and_its_length_is_not() {
        let mut w = Writer::default();
        w.string(3, "ab");
        assert_eq!(w.as_bytes(), [7, 0, 3, 0, b'a', b'b', 0, 0]);
        assert!(!w.take_too_long());
    }

    #[test]
    fn an_attribute_over_64_kib_is_noticed() {
        let mut w = Writer::default();
        w.bytes(1, &vec![0; 65_531]);
        assert!(!w.take_too_long());
        w.bytes(1, &vec![0; 65_532]);
        assert!(w.take_too_long());
        assert!(!w.take_too_long());
    }
}
