//! Operations as messages of a batch.
//! Not here: what frames and sends a batch ([`super::batch`], [`super::commit`]).

mod element;
mod expr;
mod nat;
mod set;

pub(crate) use element::{ElementForm, last_key, successor, write_end, write_key};

use super::codes::{chain_kind_name, family_code, hook_code, table_flags_code};
use super::userdata;
use super::wire::{self, NFGENMSG_LEN, chain, message, rule, table};
use crate::netlink::{Header, Writer, wire as nl};
use rolewall_ruleset::transaction::IfThere;
use rolewall_ruleset::{BaseChain, Chain, ChainPolicy, Family, Op, Rule, TableFlags, TableId};

/// A batch that is being written: messages with running numbers, and which operation each belongs to.
#[derive(Debug, Default)]
pub(crate) struct BatchWriter {
    pub(super) writer: Writer,
    /// Number of the next message.
    pub(super) seq: u32,
    /// Number of the next set that is declared, unique in the batch.
    set_id: u32,
    /// Where the last operation's last message begins.
    pub(super) last_message: Option<usize>,
}

/// `struct nfgenmsg`; the resource is the subsystem for a batch's frame, else zero.
pub(crate) fn nfgenmsg(family: u8, resource: u16) -> [u8; NFGENMSG_LEN] {
    let [high, low] = resource.to_be_bytes();
    [family, 0, high, low]
}

impl BatchWriter {
    pub(super) fn new(writer: Writer) -> BatchWriter {
        BatchWriter { writer, ..BatchWriter::default() }
    }

    /// One message of an operation.
    fn operation(&mut self, family: Family, kind: u16, flags: u16, fill: impl FnOnce(&mut Writer)) {
        let start = self.open_operation(family, kind, flags);
        fill(&mut self.writer);
        self.writer.close_message(start);
    }

    fn open_operation(&mut self, family: Family, kind: u16, flags: u16) -> usize {
        let start = self.open_message(kind, flags, nfgenmsg(family_code(family), 0));
        self.last_message = Some(start);
        start
    }

    /// Any message, with the next number.
    pub(super) fn open_message(&mut self, kind: u16, flags: u16, nfgenmsg: [u8; NFGENMSG_LEN]) -> usize {
        let header = Header { kind, flags: nl::F_REQUEST | flags, seq: self.seq };
        self.seq = self.seq.wrapping_add(1);
        let start = self.writer.open_message(header);
        self.writer.fixed(&nfgenmsg);
        start
    }

    fn next_set_id(&mut self) -> u32 {
        self.set_id += 1;
        self.set_id
    }

    /// All messages of one operation.
    pub(super) fn op(&mut self, op: &Op<'_>) {
        match *op {
            // Without flags, nothing happens to a table that is there; with none set, it would be woken.
            Op::AddTable(t) => self.new_table(&t.id, Some(t.flags).filter(|f| *f != TableFlags::default())),
            Op::SetTableFlags(id, flags) => self.new_table(id, Some(flags)),
            Op::DeleteTable(id) => self.delete_table(id),
            Op::AddChain(id, c) => self.add_chain(id, c),
            Op::DeleteChain(id, name) => self.delete_chain(id, name),
            Op::AddRule(id, chain, r) => self.add_rule(id, chain, r),
            Op::DeleteRule(id, chain, handle) => self.delete_rules(id, chain, Some(handle)),
            Op::FlushChain(id, chain) => self.delete_rules(id, chain, None),
            Op::AddSet(id, s) => {
                self.add_set(id, s, s.size);
            }
            Op::DeleteSet(id, name) => self.delete_set(id, name),
            Op::FlushSet(id, name) => self.flush_set(id, name),
            Op::AddElements(id, s, elements, IfThere::Keep) => {
                self.elements(id, s, elements, message::NEWSETELEM, nl::F_CREATE, None);
            }
            Op::AddElements(id, s, elements, IfThere::Refuse) => {
                self.elements(id, s, elements, message::NEWSETELEM, nl::F_CREATE | nl::F_EXCL, None);
            }
            Op::DeleteElements(id, s, elements) => {
                self.elements(id, s, elements, message::DELSETELEM, 0, None);
            }
        }
    }

    fn new_table(&mut self, id: &TableId, flags: Option<TableFlags>) {
        self.operation(id.family, message::NEWTABLE, nl::F_CREATE, |w| {
            w.string(table::NAME, &id.name);
            if let Some(flags) = flags {
                w.be32(table::FLAGS, table_flags_code(flags));
            }
        });
    }

    fn delete_table(&mut self, id: &TableId) {
        self.operation(id.family, message::DELTABLE, 0, |w| w.string(table::NAME, &id.name));
    }

    fn add_chain(&mut self, id: &TableId, c: &Chain) {
        self.operation(id.family, message::NEWCHAIN, nl::F_CREATE, |w| {
            w.string(chain::TABLE, &id.name);
            w.string(chain::NAME, &c.name);
            if let Some(base) = &c.base {
                write_base(w, id.family, base);
            }
        });
    }

    fn delete_chain(&mut self, id: &TableId, name: &str) {
        self.operation(id.family, message::DELCHAIN, 0, |w| {
            w.string(chain::TABLE, &id.name);
            w.string(chain::NAME, name);
        });
    }

    /// The rule, after the anonymous sets that it looks into.
    fn add_rule(&mut self, id: &TableId, chain: &str, r: &Rule) {
        let set_ids = self.anonymous_sets(id, &r.exprs);
        self.operation(id.family, message::NEWRULE, nl::F_CREATE | nl::F_APPEND, |w| {
            w.string(rule::TABLE, &id.name);
            w.string(rule::CHAIN, chain);
            w.nest(rule::EXPRESSIONS, |w| expr::write_list(w, &r.exprs, &set_ids));
            if let Some(bytes) = userdata::of_rule(r.comment.as_deref()) {
                w.bytes(rule::USERDATA, &bytes);
            }
        });
    }

    /// One rule, or all of the chain.
    fn delete_rules(&mut self, id: &TableId, chain: &str, handle: Option<u64>) {
        self.operation(id.family, message::DELRULE, 0, |w| {
            w.string(rule::TABLE, &id.name);
            w.string(rule::CHAIN, chain);
            if let Some(handle) = handle {
                w.be64(rule::HANDLE, handle);
            }
        });
    }

    fn delete_set(&mut self, id: &TableId, name: &str) {
        self.operation(id.family, message::DELSET, 0, |w| {
            w.string(wire::set::TABLE, &id.name);
            w.string(wire::set::NAME, name);
        });
    }

    fn flush_set(&mut self, id: &TableId, name: &str) {
        self.operation(id.family, message::DELSETELEM, 0, |w| {
            w.string(wire::element::LIST_TABLE, &id.name);
            w.string(wire::element::LIST_SET, name);
        });
    }
}

fn write_base(w: &mut Writer, family: Family, base: &BaseChain) {
    let BaseChain { kind, hook, priority, policy, devices } = base;
    w.string(chain::TYPE, chain_kind_name(*kind));
    w.nest(chain::HOOK, |w| {
        w.be32(chain::HOOK_NUMBER, hook_code(family, *hook));
        w.be32(chain::HOOK_PRIORITY, priority.cast_unsigned());
        write_devices(w, devices);
    });
    let policy = match policy {
        ChainPolicy::Accept => chain::NF_ACCEPT,
        ChainPolicy::Drop => chain::NF_DROP,
    };
    w.be32(chain::POLICY, policy);
}

/// One device has an attribute of its own, which older kernels know too.
fn write_devices(w: &mut Writer, devices: &[String]) {
    match devices {
        [] => {}
        [one] => w.string(chain::HOOK_DEV, one),
        many => w.nest(chain::HOOK_DEVS, |w| {
            many.iter().for_each(|device| w.string(chain::DEVICE_NAME, device));
        }),
    }
}
