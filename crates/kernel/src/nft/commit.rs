//! Sending a batch and finding out what became of it.
//! Not here: what is in it ([`super::batch`]).

use super::batch::{self, Batch};
use super::decode::raw_elements;
use super::encode::ElementForm;
use super::wire::{self, NFGENMSG_LEN, message};
use super::{Nft, NftError};
use crate::netlink::{Message, Messages, Refusal, wire as nl};
use rolewall_ruleset::{DataType, Op, Set, Transaction};
use rustix::io::Errno;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What the kernel said about the message of that number.
#[derive(Debug)]
struct Answer {
    seq: u32,
    outcome: Result<(), Refusal>,
}

impl Nft {
    /// Makes all of the operations take effect, or none.
    ///
    /// With a generation it is refused ([`NftError::GenerationChanged`]) unless the ruleset is still at
    /// that one. A transaction without operations does nothing.
    pub fn commit(&mut self, transaction: &Transaction<'_>) -> Result<(), NftError> {
        let batch = Batch::of(transaction)?;
        let doing = || format!("committing {} operations", transaction.ops.len());
        let Some(answer) = self.exchange_batch(&batch.bytes, doing)? else { return Ok(()) };
        let Err(no) = answer.outcome else { return Ok(()) };
        match batch.operation(answer.seq).and_then(|i| transaction.ops.get(i)) {
            Some(op) => Err(NftError::refused(named(op, &batch.bytes, answer.seq, &no), no)),
            None => Err(refused_as_a_whole(doing(), no, transaction.generation)),
        }
    }

    /// Sends the bytes of a batch ([`batch::encode`]) as they are: all of it takes effect, or nothing.
    pub fn commit_bytes(&mut self, bytes: &[u8]) -> Result<(), NftError> {
        let doing = || format!("committing a batch of {} bytes", bytes.len());
        let messages = Messages::new(bytes);
        let Some(answer) = self.exchange_batch(bytes, doing)? else { return Ok(()) };
        let Err(no) = answer.outcome else { return Ok(()) };
        match messages.clone().find(|m| m.seq == answer.seq && m.kind >= wire::SUBSYSTEM << 8) {
            Some(m) => Err(NftError::refused(batch::describe(&m), no)),
            None => Err(refused_as_a_whole(doing(), no, None)),
        }
    }

    /// The first refusal if there is one, else the acknowledgement. None if nothing was to be done.
    fn exchange_batch(
        &mut self,
        bytes: &[u8],
        doing: impl Fn() -> String,
    ) -> Result<Option<Answer>, NftError> {
        let Some(last) = acknowledged(bytes) else { return Ok(None) };
        let failed = |e| NftError::exchange(doing(), e);
        self.socket.discard_pending().map_err(failed)?;
        self.socket.send(bytes).map_err(failed)?;
        // All answers are queued when sending returns. The first refusal is the cause, later ones are
        // often its consequences; the acknowledgement may come beside them.
        let mut answers = Vec::new();
        let received = self.socket.pending(|m| {
            if let Some(outcome) = m.outcome() {
                answers.push(Answer { seq: m.seq, outcome });
            }
        });
        let refused = answers.iter().position(|a| a.outcome.is_err());
        let accepted = || answers.iter().position(|a| a.seq == last);
        match refused.or_else(accepted) {
            Some(index) => Ok(Some(answers.swap_remove(index))),
            None => {
                received.map_err(failed)?;
                Err(NftError::NoAnswer { doing: doing() })
            }
        }
    }
}

/// The number of the message that asks for an acknowledgement.
fn acknowledged(bytes: &[u8]) -> Option<u32> {
    Messages::new(bytes).find(|m| m.flags & nl::F_ACK != 0).map(|m| m.seq)
}

/// A refusal of the frame: of the batch, not of an operation.
fn refused_as_a_whole(doing: String, no: Refusal, generation: Option<u32>) -> NftError {
    match (Errno::from_raw_os_error(no.errno), generation) {
        (Errno::RESTART, Some(expected)) => NftError::GenerationChanged { doing, expected },
        (Errno::PERM, _) => NftError::NotPermitted { doing },
        (Errno::OPNOTSUPP, _) => {
            NftError::Absent { doing, source: std::io::Error::from_raw_os_error(no.errno) }
        }
        _ => NftError::refused(doing, no),
    }
}

/// The refused operation, and which element of it where the kernel says so.
fn named(op: &Op<'_>, bytes: &[u8], seq: u32, no: &Refusal) -> String {
    let set = match op {
        Op::AddElements(_, set, _, _) | Op::DeleteElements(_, set, _) => *set,
        _ => return op.to_string(),
    };
    let message = Messages::new(bytes).find(|m| m.seq == seq);
    match message.and_then(|m| refused_element(&m, set, no.offset?)) {
        Some(element) => format!("{op}, at {element}"),
        None => op.to_string(),
    }
}

/// The key that stands at an offset, counted from the message's header.
fn refused_element(m: &Message<'_>, set: &Set, offset: usize) -> Option<String> {
    if m.kind != message::NEWSETELEM && m.kind != message::DELSETELEM {
        return None;
    }
    let offset = offset.checked_sub(nl::HEADER_LEN)?;
    let start = list_start(m)?;
    let list = m.payload.get(start..)?;
    let (at, len) = attribute_around(list, offset.checked_sub(start)?)?;
    let raw = raw_elements(list.get(at..at + len)?).next()?;
    let before = if raw.is_interval_end { "the end before " } else { "" };
    let ranges = ElementForm::of(set) == ElementForm::ConcatenatedRanges;
    let end = raw.element.end.as_ref().filter(|_| ranges);
    let key = key_in_words(&set.key, raw.element.key.bytes());
    let end = end.map(|e| format!(" to {}", key_in_words(&set.key, e.bytes()))).unwrap_or_default();
    Some(format!("{before}{key}{end}"))
}

/// Where in the payload the attributes of the element list begin.
fn list_start(m: &Message<'_>) -> Option<usize> {
    let (_, _, _, list) = super::decode::element_list(m.payload.get(NFGENMSG_LEN..)?)?;
    (list.as_ptr() as usize).checked_sub(m.payload.as_ptr() as usize)
}

/// Begin and length of the attribute that an offset falls into.
fn attribute_around(list: &[u8], offset: usize) -> Option<(usize, usize)> {
    let mut at = 0;
    loop {
        let header = list.get(at..)?.first_chunk::<2>()?;
        let len = usize::from(u16::from_ne_bytes(*header)).max(nl::ATTRIBUTE_HEADER_LEN);
        let next = at + len.next_multiple_of(4);
        if offset < next {
            return Some((at, len));
        }
        at = next;
    }
}

/// A key as a reader knows it: addresses and ports as such, anything else in hexadecimal.
fn key_in_words(types: &[DataType], key: &[u8]) -> String {
    let mut rest = key;
    let field = |t: &DataType| {
        let len = usize::from(t.len()).min(rest.len());
        let (field, _) = rest.split_at(len);
        let padded = if types.len() > 1 { len.next_multiple_of(4).min(rest.len()) } else { len };
        rest = &rest[padded..];
        field_in_words(*t, field)
    };
    types.iter().map(field).collect::<Vec<_>>().join(" . ")
}

fn field_in_words(t: DataType, field: &[u8]) -> String {
    if let (DataType::Ipv4Addr, Ok(octets)) = (t, <[u8; 4]>::try_from(field)) {
        return Ipv4Addr::from(octets).to_string();
    }
    if let (DataType::Ipv6Addr, Ok(octets)) = (t, <[u8; 16]>::try_from(field)) {
        return Ipv6Addr::from(octets).to_string();
    }
    if let (DataType::InetService, Ok(port)) = (t, <[u8; 2]>::try_from(field)) {
        return u16::from_be_bytes(port).to_string();
    }
    let digits: String = field.iter().map(|b| format!("{b:02x}")).collect();
    format!("0x{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_field_by_field() {
        let types = [DataType::Ipv4Addr, DataType::InetService, DataType::InetProto];
        let key = [10, 0, 0, 1, 0, 80, 0, 0, 6, 0, 0, 0];
        assert_eq!(key_in_words(&types, &key), "10.0.0.1 . 80 . 0x06");
        assert_eq!(key_in_words(&types, &key[..5]), "10.0.0.1 . 0x00 . 0x");
    }
}
