//! Transactions as bytes: what is sent, and what is kept in a file to be sent at boot.
//! Not here: the messages of each operation (module `encode`), and sending (module `commit`).

use super::NftError;
use super::codes::family;
use super::decode::{self, DecodedSet, RawElement};
use super::encode::{BatchWriter, nfgenmsg};
use super::wire::{self, NFGENMSG_LEN, message};
use crate::netlink::{Attributes, Message, Messages, Writer, wire as nl};
use rolewall_ruleset::transaction::Op;
use rolewall_ruleset::{Family, SetRef, Table, TableId, Transaction};

/// Bytes of an element as it is sent, roughly: to reserve the buffer of a large batch at once.
const ELEMENT_BYTES: usize = 64;

/// A transaction as bytes, and which messages belong to which operation.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    /// The number of the first message of each operation, ascending.
    first_seq: Vec<u32>,
}

impl Batch {
    pub(super) fn of(transaction: &Transaction<'_>) -> Result<Batch, NftError> {
        let writer = Writer::with_capacity(capacity(transaction));
        let mut batch = BatchWriter::new(writer);
        frame(&mut batch, wire::BATCH_BEGIN, transaction.generation);
        let mut first_seq = Vec::with_capacity(transaction.ops.len());
        for op in &transaction.ops {
            first_seq.push(batch.seq);
            batch.op(op);
            if batch.writer.take_too_long() {
                return Err(NftError::TooLong { operation: op.to_string() });
            }
        }
        // One answer for all: the kernel sends it only when the operations before went through.
        if let Some(last) = batch.last_message {
            batch.writer.add_flags(last, nl::F_ACK);
        }
        frame(&mut batch, wire::BATCH_END, None);
        Ok(Batch { bytes: batch.writer.into_bytes(), first_seq })
    }

    /// The operation that message `seq` belongs to; none for the frame around them.
    pub(super) fn operation(&self, seq: u32) -> Option<usize> {
        if seq == 0 {
            return None;
        }
        self.first_seq.partition_point(|first| *first <= seq).checked_sub(1)
    }
}

/// The size of the elements, which alone can make a batch large.
fn capacity(transaction: &Transaction<'_>) -> usize {
    let elements = transaction.ops.iter().map(|op| match op {
        Op::AddElements(_, _, elements, _) | Op::DeleteElements(_, _, elements) => elements.len(),
        _ => 0,
    });
    elements.sum::<usize>() * ELEMENT_BYTES
}

fn frame(batch: &mut BatchWriter, kind: u16, generation: Option<u32>) {
    let start = batch.open_message(kind, 0, nfgenmsg(0, wire::SUBSYSTEM));
    if let Some(generation) = generation {
        batch.writer.be32(wire::BATCH_GENID, generation);
    }
    batch.writer.close_message(start);
}

/// The bytes of a transaction, as [`super::Nft::commit_bytes`] sends them: the same for the same
/// transaction, and good for any kernel of this machine's byte order.
pub fn encode(transaction: &Transaction<'_>) -> Result<Vec<u8>, NftError> {
    Batch::of(transaction).map(|batch| batch.bytes)
}

/// The table that a batch creates. The batch may delete it first (`add`, `delete`, `add` in a row makes
/// a fresh one, whether it was there or not); any other deletion, or a second table, is refused.
///
/// Gives the value that the batch was made from: `decode(encode(t)) == t` for a table in canonical form.
pub fn decode(bytes: &[u8]) -> Result<Table, NftError> {
    let mut reader = TableReader::default();
    let mut messages = Messages::new(bytes);
    for (index, message) in messages.by_ref().enumerate() {
        reader.message(&message).ok_or_else(|| not_understood(index, &message))?;
    }
    if !messages.is_exhausted() {
        return Err(NftError::malformed(DECODING, "the end of the batch, which is cut short,"));
    }
    reader.finish()
}

const DECODING: &str = "decoding a batch that creates one table";

fn not_understood(index: usize, message: &Message<'_>) -> NftError {
    NftError::malformed(DECODING, format!("message {index} ({})", describe(message)))
}

/// What has been read of the table so far.
#[derive(Debug, Default)]
struct TableReader {
    table: Option<Table>,
    sets: Vec<ReadSet>,
    /// Between begin and end.
    open: bool,
    closed: bool,
}

/// A set of the batch, and its elements in the batch's order.
#[derive(Debug)]
struct ReadSet {
    decoded: DecodedSet,
    raw: Vec<RawElement>,
}

impl TableReader {
    fn message(&mut self, m: &Message<'_>) -> Option<()> {
        let family_code = *m.payload.first()?;
        let bytes = m.payload.get(NFGENMSG_LEN..)?;
        match m.kind {
            wire::BATCH_BEGIN if !self.open && !self.closed => self.open = true,
            wire::BATCH_END if self.open => (self.open, self.closed) = (false, true),
            _ if self.open => self.operation(m.kind, family(family_code)?, bytes)?,
            _ => return None,
        }
        Some(())
    }

    fn operation(&mut self, kind: u16, family: Family, bytes: &[u8]) -> Option<()> {
        match kind {
            message::NEWTABLE => self.new_table(family, bytes),
            message::DELTABLE => self.delete_table(family, bytes),
            _ if self.table.as_ref()?.id.family != family => None,
            message::NEWSET => self.new_set(bytes),
            message::NEWSETELEM => self.new_elements(bytes),
            message::NEWCHAIN => self.new_chain(family, bytes),
            message::NEWRULE => self.new_rule(bytes),
            _ => None,
        }
    }

    fn is_this(&self, name: &str) -> Option<()> {
        (self.table.as_ref()?.id.name == name).then_some(())
    }

    /// The table, or new flags for it.
    fn new_table(&mut self, family: Family, bytes: &[u8]) -> Option<()> {
        let (name, flags) = decode::table(bytes)?;
        let id = TableId { family, name };
        let table = match &mut self.table {
            Some(table) if table.id == id => table,
            Some(_) => return None,
            none => none.insert(Table::new(family, &id.name)),
        };
        table.flags = flags.unwrap_or(table.flags);
        Some(())
    }

    fn delete_table(&mut self, family: Family, bytes: &[u8]) -> Option<()> {
        let (name, _) = decode::table(bytes)?;
        self.is_this(&name)?;
        (self.table.as_ref()?.id.family == family).then_some(())?;
        (self.table, self.sets) = (None, Vec::new());
        Some(())
    }

    fn new_set(&mut self, bytes: &[u8]) -> Option<()> {
        let decoded = decode::set(bytes)?;
        self.is_this(&decoded.table)?;
        self.sets.push(ReadSet { decoded, raw: Vec::new() });
        Some(())
    }

    fn new_elements(&mut self, bytes: &[u8]) -> Option<()> {
        let (table, name, id, list) = decode::element_list(bytes)?;
        self.is_this(&table)?;
        let set = self.sets.iter_mut().find(|s| s.is(&name, id))?;
        let listed = Attributes::new(list).count();
        let before = set.raw.len();
        set.raw.extend(decode::raw_elements(list));
        (set.raw.len() - before == listed).then_some(())
    }

    fn new_chain(&mut self, family: Family, bytes: &[u8]) -> Option<()> {
        let (table, chain) = decode::chain(family, bytes)?;
        self.is_this(&table)?;
        self.table.as_mut()?.chains.push(chain);
        Some(())
    }

    fn new_rule(&mut self, bytes: &[u8]) -> Option<()> {
        let sets = &mut self.sets;
        let decoded = decode::rule(bytes, &mut |name, id| match take(sets, &name, id) {
            Some(set) => SetRef::Anonymous(Box::new(set)),
            None => SetRef::Named(name),
        })?;
        self.is_this(&decoded.table)?;
        let chain = self.table.as_mut()?.chains.iter_mut().find(|c| c.name == decoded.chain)?;
        chain.rules.push(decoded.rule);
        Some(())
    }

    fn finish(self) -> Result<Table, NftError> {
        let none = || NftError::malformed(DECODING, "a batch that creates no table, or has no end,");
        let mut table = self.table.filter(|_| self.closed).ok_or_else(none)?;
        table.sets =
            self.sets.into_iter().filter(|s| !s.decoded.set.is_anonymous()).map(ReadSet::filled).collect();
        Ok(table)
    }
}

impl ReadSet {
    /// By number where there is one: anonymous sets all have the same name.
    fn is(&self, name: &str, id: Option<u32>) -> bool {
        self.decoded.name == name && (id.is_none() || id == self.decoded.id)
    }

    fn filled(self) -> rolewall_ruleset::Set {
        let mut set = self.decoded.set;
        set.elements = decode::collect(&set, self.raw);
        set
    }
}

/// The anonymous set that a lookup names, moved into it.
fn take(sets: &mut Vec<ReadSet>, name: &str, id: Option<u32>) -> Option<rolewall_ruleset::Set> {
    let index = sets.iter().position(|s| s.decoded.set.is_anonymous() && s.is(name, id))?;
    Some(sets.remove(index).filled())
}

/// A message of a batch in words, for errors about bytes whose operations are not at hand.
pub(super) fn describe(m: &Message<'_>) -> String {
    let bytes = m.after(NFGENMSG_LEN);
    let family = m.payload.first().and_then(|code| family(*code));
    let family = family.map(|f| f.to_string()).unwrap_or_default();
    let name = |kind: u16| crate::netlink::Fields::<5>::known(bytes).text(kind).unwrap_or_default();
    let (what, second) = match m.kind {
        wire::BATCH_BEGIN => return "begin of batch".to_owned(),
        wire::BATCH_END => return "end of batch".to_owned(),
        message::NEWTABLE => ("add table", None),
        message::DELTABLE => ("delete table", None),
        message::NEWCHAIN => ("add chain", Some(wire::chain::NAME)),
        message::DELCHAIN => ("delete chain", Some(wire::chain::NAME)),
        message::NEWRULE => ("add rule", Some(wire::rule::CHAIN)),
        message::DELRULE => ("delete rule", Some(wire::rule::CHAIN)),
        message::NEWSET => ("add set", Some(wire::set::NAME)),
        message::DELSET => ("delete set", Some(wire::set::NAME)),
        message::NEWSETELEM => ("add elements to", Some(wire::element::LIST_SET)),
        message::DELSETELEM => ("delete elements of", Some(wire::element::LIST_SET)),
        other => return format!("a message of type {other:#x}"),
    };
    match second {
        Some(kind) => format!("{what} {family} {} {}", name(1), name(kind)),
        None => format!("{what} {family} {}", name(1)),
    }
}
