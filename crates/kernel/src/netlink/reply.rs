//! What the kernel answers with: datagrams cut into messages, and its refusals.
//! Not here: the contents of a subsystem's messages.

use super::attribute::{Fields, text};
use super::wire::{ERROR_MESSAGE, ERROR_OFFSET, F_ACK_TLVS, F_CAPPED, HEADER_LEN, NLMSG_DONE, NLMSG_ERROR};

/// One message of a datagram (or of a batch).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) seq: u32,
    /// What follows `nlmsghdr`.
    pub(crate) payload: &'a [u8],
}

/// A no: the error number, the reason in the kernel's words, and where in the request it points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) errno: i32,
    pub(crate) message: Option<String>,
    /// From the beginning of the refused message, in bytes.
    pub(crate) offset: Option<usize>,
}

impl<'a> Message<'a> {
    /// The attributes behind a subsystem header of `len` bytes.
    pub(crate) fn after(&self, len: usize) -> &'a [u8] {
        self.payload.get(len..).unwrap_or(&[])
    }

    /// For an error or the end of a dump: `Ok` is an acknowledgement. None for any other message.
    pub(crate) fn outcome(&self) -> Option<Result<(), Refusal>> {
        if self.kind != NLMSG_ERROR && self.kind != NLMSG_DONE {
            return None;
        }
        let code = self.payload.first_chunk().map_or(0, |b| i32::from_ne_bytes(*b));
        if code >= 0 {
            return Some(Ok(()));
        }
        let tlvs = Fields::<3>::known(self.reason());
        Some(Err(Refusal {
            errno: code.saturating_neg(),
            message: tlvs.bytes(ERROR_MESSAGE as u16).map(text),
            offset: tlvs.ne32(ERROR_OFFSET as u16).and_then(|o| usize::try_from(o).ok()),
        }))
    }

    /// The attributes of an extended acknowledgement: behind the code, and for an error behind the
    /// header of the refused request (and the request itself, unless it was left out).
    fn reason(&self) -> &'a [u8] {
        if self.flags & F_ACK_TLVS == 0 {
            return &[];
        }
        if self.kind == NLMSG_DONE {
            return self.after(4);
        }
        let request = self.after(4);
        let len = match request.first_chunk() {
            Some(len) if self.flags & F_CAPPED == 0 => u32::from_ne_bytes(*len) as usize,
            _ => HEADER_LEN,
        };
        request.get(len.checked_next_multiple_of(4).unwrap_or(usize::MAX)..).unwrap_or(&[])
    }
}

/// The messages of a datagram, in order. Ends at the first that is cut short.
#[derive(Debug, Clone)]
pub(crate) struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Messages<'a> {
        Messages { rest: bytes }
    }

    pub(crate) fn is_exhausted(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let header = self.rest.first_chunk::<HEADER_LEN>()?;
        let [l0, l1, l2, l3, k0, k1, f0, f1, s0, s1, s2, s3, ..] = *header;
        let len = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
        let payload = self.rest.get(HEADER_LEN..len)?;
        let next = len.checked_next_multiple_of(4)?.min(self.rest.len());
        self.rest = &self.rest[next..];
        Some(Message {
            kind: u16::from_ne_bytes([k0, k1]),
            flags: u16::from_ne_bytes([f0, f1]),
            seq: u32::from_ne_bytes([s0, s1, s2, s3]),
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::{Header, Writer};

    fn refusal(flags: u16, echoed: &[u8]) -> Vec<u8> {
        let mut w = Writer::default();
        w.message(Header { kind: NLMSG_ERROR, flags, seq: 7 }, |w| {
            w.fixed(&(-2i32).to_ne_bytes());
            let mut request = Writer::default();
            request.message(Header { kind: 1, flags: 0, seq: 7 }, |r| r.fixed(echoed));
            w.fixed(if flags & F_CAPPED == 0 { request.as_bytes() } else { &request.as_bytes()[..16] });
            w.string(1, "no such thing");
            w.bytes(2, &48u32.to_ne_bytes());
        });
        w.into_bytes()
    }

    #[test]
    fn a_refusal_is_read_with_and_without_its_request() {
        for (flags, echoed) in [(F_ACK_TLVS | F_CAPPED, &[][..]), (F_ACK_TLVS, &[0; 20][..])] {
            let bytes = refusal(flags, echoed);
            let message = Messages::new(&bytes).next().expect("one message");
            let no = message.outcome().expect("an outcome").expect_err("a refusal");
            assert_eq!(no.errno, 2);
            assert_eq!(no.message.as_deref(), Some("no such thing"));
            assert_eq!(no.offset, Some(48));
        }
    }

    #[test]
    fn a_message_that_is_cut_short_ends_the_datagram() {
        let bytes = refusal(F_ACK_TLVS, &[]);
        let mut messages = Messages::new(&bytes[..bytes.len() - 1]);
        assert!(messages.next().is_none());
        assert!(!messages.is_exhausted());
    }
}
