//! Tables, chains and rules out of attributes.
//! Not here: sets ([`super::set`]) and expressions ([`super::expr`]).

use super::{Resolve, expr};
use crate::netlink::{Attributes, Fields, text};
use crate::nft::codes::{chain_kind, hook, table_flags};
use crate::nft::userdata;
use crate::nft::wire::{chain as chain_wire, rule as rule_wire, table as table_wire};
use rolewall_ruleset::{BaseChain, Chain, ChainPolicy, Family, Rule, TableFlags};

/// Name of a table, and its flags where they are given.
pub(crate) fn table(bytes: &[u8]) -> Option<(String, Option<TableFlags>)> {
    let f = Fields::<3>::known(bytes);
    Some((f.text(table_wire::NAME)?, f.be32(table_wire::FLAGS).map(table_flags)))
}

/// A chain without rules, and the name of its table.
pub(crate) fn chain(family: Family, bytes: &[u8]) -> Option<(String, Chain)> {
    let f = Fields::<8>::known(bytes);
    let base = match f.bytes(chain_wire::HOOK) {
        Some(hook) => Some(base_chain(family, &f, hook)?),
        None => None,
    };
    let chain = Chain { name: f.text(chain_wire::NAME)?, base, rules: Vec::new() };
    Some((f.text(chain_wire::TABLE)?, chain))
}

fn base_chain(family: Family, f: &Fields<'_, 8>, bytes: &[u8]) -> Option<BaseChain> {
    let h = Fields::<5>::known(bytes);
    let policy = match f.be32(chain_wire::POLICY) {
        Some(chain_wire::NF_DROP) => ChainPolicy::Drop,
        _ => ChainPolicy::Accept,
    };
    Some(BaseChain {
        kind: chain_kind(f.text(chain_wire::TYPE).as_deref().unwrap_or("filter"))?,
        hook: hook(family, h.be32(chain_wire::HOOK_NUMBER)?)?,
        priority: h.be32(chain_wire::HOOK_PRIORITY)?.cast_signed(),
        policy,
        devices: devices(&h),
    })
}

fn devices(h: &Fields<'_, 5>) -> Vec<String> {
    match h.bytes(chain_wire::HOOK_DEVS) {
        Some(list) => {
            let names = Attributes::new(list).filter(|(kind, _)| *kind == chain_wire::DEVICE_NAME);
            names.map(|(_, name)| text(name)).collect()
        }
        None => h.text(chain_wire::HOOK_DEV).into_iter().collect(),
    }
}

/// A rule and where it is.
#[derive(Debug)]
pub(crate) struct DecodedRule {
    pub(crate) table: String,
    pub(crate) chain: String,
    pub(crate) rule: Rule,
}

/// Table and chain of a rule's message.
pub(crate) fn rule_place(bytes: &[u8]) -> Option<(String, String)> {
    let f = Fields::<8>::known(bytes);
    Some((f.text(rule_wire::TABLE)?, f.text(rule_wire::CHAIN)?))
}

/// A rule; `resolve` finds the sets that it looks into.
pub(crate) fn rule(bytes: &[u8], resolve: &mut Resolve<'_>) -> Option<DecodedRule> {
    let f = Fields::<8>::known(bytes);
    let (table, chain) = rule_place(bytes)?;
    let rule = Rule {
        handle: f.be64(rule_wire::HANDLE),
        exprs: f.bytes(rule_wire::EXPRESSIONS).map(|list| expr::list(list, resolve)).unwrap_or_default(),
        comment: userdata::comment(f.bytes(rule_wire::USERDATA)),
    };
    Some(DecodedRule { table, chain, rule })
}
