//! From `cluster.toml`, `rolewall.toml` and role files to what is sent to Linux: it is read back as the same value,
//! a plan is derived twice alike, and `verify` finds that exactly its flows pass.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolewall_fuzz::nft::encode;
use rolewall_fuzz::text::{catalogue, sources};
use rolewall_kernel::batch;
use rolewall_policy::lower::{closed, lower};
use rolewall_policy::plan::{Inputs, Me, derive};
use rolewall_policy::verify::verify;
use rolewall_policy::{Observed, Plan, inventory, settings};
use rolewall_ruleset::judge::Environment;
use rolewall_ruleset::table::{ChainKind, Hook};
use rolewall_ruleset::{
    BaseChain, Chain, ChainPolicy, Expr, Generation, Rule, Ruleset, Verdict, delta, text,
};

/// More files than these tell nothing new, and are long to walk through.
const NODES_MAX: usize = 6;

/// A generation with packets led to it.
fn in_force(generation: Generation) -> Ruleset {
    let Generation { mut parts, entries } = generation;
    for (hook, entry) in entries {
        let lead = Rule { exprs: vec![Expr::Verdict(Verdict::Goto(entry))], ..Rule::default() };
        let (kind, policy) = (ChainKind::Filter, ChainPolicy::Accept);
        let base = BaseChain { kind, hook, priority: 0, policy, devices: Vec::new() };
        let name = match hook {
            Hook::Input => "input",
            Hook::Output => "output",
            _ => "forward",
        };
        parts.chains.push(Chain { base: Some(base), rules: vec![lead], ..Chain::regular(name) });
    }
    Ruleset { tables: vec![parts] }
}

fn comes_back(generation: &Generation) {
    let bytes = encode(&generation.parts).expect("no name is longer than Linux takes");
    let read = batch::decode(&bytes).expect("a whole batch");
    assert!(delta::same(&read, &generation.parts), "{:#?}", delta::differences(&read, &generation.parts));
    assert!(text::unspeakable(&generation.parts).is_empty());
}

fn holds(plan: &Plan) {
    let generation = lower(plan, "r1");
    comes_back(&generation);
    comes_back(&closed::fallback(plan, "r1"));
    comes_back(&closed::panic(plan, "panic"));
    if let Ok(violations) = verify(plan, &in_force(generation), &Environment::default()) {
        assert!(violations.is_empty(), "{violations:#?}");
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&which, bytes)) = bytes.split_first() else { return };
    let Some(sources) = sources(bytes) else { return };
    let [cluster, host, roles @ ..] = &sources[..] else { return };
    let Ok(catalogue) = catalogue().with_overrides(roles) else { return };
    let Ok(inventory) = inventory::parse(std::slice::from_ref(cluster), &catalogue) else { return };
    let Ok(settings) = settings::parse(Some(host), None, &catalogue) else { return };
    if inventory.nodes.is_empty() || inventory.nodes.len() > NODES_MAX {
        return;
    }
    let node = &inventory.nodes[usize::from(which) % inventory.nodes.len()];
    let me = Me::from_node(node, &Observed::default());
    let inputs = Inputs { catalogue: &catalogue, inventory: &inventory, settings: &settings, me: &me };
    let plan = derive(inputs);
    assert_eq!(plan, derive(inputs));
    holds(&plan);
});
