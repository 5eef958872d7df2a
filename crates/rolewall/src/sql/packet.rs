//! Packets of the MySQL protocol: a length, a number, and what is in them, read within bounds.
//! Not here: which packets there are. Source: MySQL's "Client/Server Protocol", basic packets and data types.

use super::error::SqlError;
use super::wire::Wire;
use std::io::{ErrorKind, Read, Write};

/// A longer packet is no row of an inventory, in bytes.
const PACKET_BYTES_MAX: usize = 1 << 20;

/// Packets one after another over a wire.
#[derive(Debug)]
pub(super) struct Packets {
    pub(super) wire: Wire,
    /// The number of the next packet; each command begins anew.
    sequence: u8,
}

impl Packets {
    pub(super) fn over(wire: Wire) -> Packets {
        Packets { wire, sequence: 0 }
    }

    /// The same conversation over another wire.
    pub(super) fn moved(self, to: impl FnOnce(Wire) -> Result<Wire, SqlError>) -> Result<Packets, SqlError> {
        let Packets { wire, sequence } = self;
        Ok(Packets { wire: to(wire)?, sequence })
    }

    /// A command begins.
    pub(super) fn begin(&mut self) {
        self.sequence = 0;
    }

    pub(super) fn read(&mut self, doing: &'static str) -> Result<Vec<u8>, SqlError> {
        let mut head = [0; 4];
        self.fill(&mut head, doing)?;
        let [low, middle, high, sequence] = head;
        let length = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
        if sequence != self.sequence || length > PACKET_BYTES_MAX {
            return Err(SqlError::Malformed(doing));
        }
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = vec![0; length];
        self.fill(&mut packet, doing)?;
        Ok(packet)
    }

    fn fill(&mut self, buffer: &mut [u8], doing: &'static str) -> Result<(), SqlError> {
        let deadline = self.wire.deadline();
        self.wire.read_exact(buffer).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => SqlError::Ended(doing),
            _ => deadline.error(error),
        })
    }

    pub(super) fn write(&mut self, payload: &[u8]) -> Result<(), SqlError> {
        let length = u32::try_from(payload.len()).ok().filter(|&length| length as usize <= PACKET_BYTES_MAX);
        let [low, middle, high, _] = length.ok_or(SqlError::Malformed("asking"))?.to_le_bytes();
        let mut packet = vec![low, middle, high, self.sequence];
        packet.extend_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        let deadline = self.wire.deadline();
        let written = self.wire.write_all(&packet).and_then(|()| self.wire.flush());
        written.map_err(|error| deadline.error(error))
    }
}

/// What is left of a packet. Every step gives nothing where the packet is too short.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left<'p>(pub(super) &'p [u8]);

impl<'p> Left<'p> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'p [u8]> {
        let (bytes, left) = self.0.split_at_checked(count)?;
        self.0 = left;
        Some(bytes)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    /// Little-endian.
    pub(super) fn number(&mut self, bytes: usize) -> Option<u64> {
        let bytes = self.bytes(bytes)?;
        Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    /// Up to a NUL, or to the end where there is none.
    pub(super) fn until_nul(&mut self) -> &'p [u8] {
        let end = self.0.iter().position(|&byte| byte == 0).unwrap_or(self.0.len());
        let (text, left) = self.0.split_at(end);
        self.0 = left.get(1..).unwrap_or_default();
        text
    }

    /// A number in as many bytes as it needs.
    pub(super) fn length(&mut self) -> Option<u64> {
        match self.byte()? {
            number @ 0..=0xfa => Some(number.into()),
            0xfc => self.number(2),
            0xfd => self.number(3),
            0xfe => self.number(8),
            _ => None,
        }
    }

    /// Bytes with their length before them.
    pub(super) fn text(&mut self) -> Option<&'p [u8]> {
        let length = self.length()?;
        self.bytes(usize::try_from(length).ok()?)
    }

    /// The same, or NULL.
    pub(super) fn value(&mut self) -> Option<Option<&'p [u8]>> {
        if self.0.first() == Some(&0xfb) {
            self.byte()?;
            return Some(None);
        }
        self.text().map(Some)
    }
}

/// What the server says about a refusal.
pub(super) fn refusal(packet: &[u8], doing: &'static str) -> SqlError {
    parsed(packet, doing).unwrap_or(SqlError::Malformed(doing))
}

fn parsed(packet: &[u8], doing: &'static str) -> Option<SqlError> {
    let mut left = Left(packet);
    left.byte()?;
    let code = u16::try_from(left.number(2)?).ok()?;
    // Before the login there is no state.
    let state = if left.0.first() == Some(&b'#') { &left.bytes(6)?[1..] } else { b"HY000" };
    Some(SqlError::Refused { doing, code, state: plain(state), message: plain(left.0) })
}

/// What a server says must not steer the terminal that it is shown on, nor fill it.
pub(super) fn plain(text: &[u8]) -> String {
    const CHARS_MAX: usize = 300;
    let text = String::from_utf8_lossy(text);
    text.chars().take(CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_as_many_bytes_as_they_need() {
        for (bytes, number) in [
            (&[0xfa][..], 250),
            (&[0xfc, 0xfb, 0x00], 251),
            (&[0xfd, 1, 0, 1], 65537),
            (&[0xfe, 1, 0, 0, 0, 1, 0, 0, 0], 4_294_967_297),
        ] {
            assert_eq!(Left(bytes).length(), Some(number));
        }
        assert_eq!(Left(&[0xff]).length(), None);
        assert_eq!(Left(&[0xfb]).value(), Some(None));
        assert_eq!(Left(&[3, b'a', b'b']).text(), None);
        assert_eq!(Left(&[0xfe, 255, 255, 255, 255, 255, 255, 255, 255, 1]).text(), None);
    }

    #[test]
    fn a_refusal_says_what_the_server_said_and_steers_nothing() {
        let refused = refusal(b"\xff\x15\x04#28000Access \x1b[31mdenied", "the login").to_string();
        assert_eq!(refused, "it refused the login: 1045 (28000) Access  [31mdenied");
        assert!(matches!(refusal(b"\xff\x15", "x"), SqlError::Malformed("x")));
    }
}
