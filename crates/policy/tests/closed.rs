//! The two lesser rulesets of every role's plan: they admit what the plan admits of admin and trusted networks, and
//! nothing that it does not.
//! Not here: packets (the tests of the binary).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use ipnet::IpNet;
use rolewall_policy::lower::closed::{admit, admits_anybody, admitted, fallback, panic};
use rolewall_policy::plan::{Inputs, Me, Plan, Zone, derive};
use rolewall_policy::{Catalogue, Observed, Settings, Source, inventory, lower, sample, settings};
use rolewall_ruleset::flow::Direction;
use rolewall_ruleset::judge::{Judge, Judged};
use rolewall_ruleset::table::ChainKind;
use rolewall_ruleset::{BaseChain, Chain, ChainPolicy, Expr, Generation, Rule, Ruleset, Verdict, text};
use std::net::IpAddr;

const ROLES: [&str; 11] = ["web", "sip", "pbx", "jabber", "ic", "worker", "queue", "sql", "dd", "es", "s3"];

fn plan(role: &str, admin: &str, trusted: &str) -> Plan {
    let catalogue = Catalogue::built_in();
    let mut cluster = format!(
        "[cluster]\nname = \"v\"\nprivate = [\"10.20.0.0/16\", \"fd20::/48\"]\nadmin = [{admin}]\n\
         trunks = [\"203.0.113.0/24\"]\n[[node]]\nname = \"me\"\nprivate = [\"10.20.0.1\", \"fd20::1\"]\nroles = [\"{role}\"]\n"
    );
    for (place, other) in ROLES.iter().enumerate() {
        cluster += &format!(
            "[[node]]\nname = \"o{other}\"\nprivate = [\"10.20.1.{place}\", \"fd20::1:{place}\"]\nroles = [\"{other}\"]\n"
        );
    }
    let inventory = inventory::parse(&[Source::new("cluster.toml", cluster)], &catalogue).unwrap();
    let own = Source::new("rolewall.toml", format!("[trusted]\nnetworks = [{trusted}]\n"));
    let settings: Settings = settings::parse(Some(&own), None, &catalogue).unwrap();
    let me = Me::from_node(&inventory.nodes[0], &Observed::default());
    derive(Inputs { catalogue: &catalogue, inventory: &inventory, settings: &settings, me: &me })
}

const ADMIN: &str = "\"198.51.100.0/28\", \"10.20.8.8/32\", \"2001:db8:a::/64\", \"fd20::8:8/128\"";
const TRUSTED: &str = "\"198.18.0.0/29\"";

/// As it is once packets are led to it.
fn in_force(generation: Generation) -> Ruleset {
    let Generation { mut parts, entries } = generation;
    for (hook, entry) in entries {
        let base = BaseChain {
            kind: ChainKind::Filter,
            hook,
            priority: 0,
            policy: ChainPolicy::Accept,
            devices: Vec::new(),
        };
        let lead = Rule { exprs: vec![Expr::Verdict(Verdict::Goto(entry))], ..Rule::default() };
        parts.chains.push(Chain { name: text::hook(hook).to_owned(), base: Some(base), rules: vec![lead] });
    }
    Ruleset { tables: vec![parts] }
}

fn is_in(nets: &[IpNet], address: IpAddr) -> bool {
    nets.iter().any(|net| net.contains(&address))
}

#[test]
fn of_what_comes_in_both_admit_what_the_plan_admits_of_admins_and_nothing_else_but_ssh() {
    for role in ROLES {
        let plan = plan(role, ADMIN, TRUSTED);
        let rulesets = [in_force(fallback(&plan, "r7")), in_force(panic(&plan, "panic"))];
        for required in sample::required(&plan).iter().filter(|r| r.flow.direction == Direction::In) {
            let expected = is_in(&plan.admin, required.flow.src);
            for (ruleset, name) in rulesets.iter().zip(["fallback", "panic"]) {
                let verdict = Judge::new(ruleset).verdict(&required.flow);
                assert_eq!(verdict == Judged::Accept, expected, "{role} {name}: {:?}", required.flow);
            }
        }
    }
}

#[test]
fn neither_admits_an_admin_to_what_the_plan_does_not() {
    for role in ROLES {
        let plan = plan(role, ADMIN, TRUSTED);
        let whole = in_force(lower::lower(&plan, "r7"));
        let lesser = [in_force(fallback(&plan, "r7")), in_force(panic(&plan, "panic"))];
        let mut flow =
            sample::required(&plan).into_iter().find(|r| r.flow.direction == Direction::In).unwrap().flow;
        for source in ["198.51.100.3", "10.20.8.8", "192.0.2.99"] {
            flow.src = source.parse().unwrap();
            for port in [1, 21, 22, 25, 80, 443, 3306, 5060, 5222, 5672, 8080, 9200, 11211] {
                for l4 in [
                    rolewall_ruleset::flow::L4::Tcp { sport: 40000, dport: port, flags: 2 },
                    rolewall_ruleset::flow::L4::Udp { sport: 40000, dport: port },
                ] {
                    flow.l4 = l4;
                    let may = Judge::new(&whole).verdict(&flow) == Judged::Accept;
                    for ruleset in &lesser {
                        assert!(
                            may || Judge::new(ruleset).verdict(&flow) != Judged::Accept,
                            "{role}: {flow:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn with_no_admin_network_the_fallback_leaves_ssh_as_the_plan_has_it_and_a_panic_lets_in_whom_it_is_told() {
    let plan = plan("sql", "", "");
    assert!(plan.inbound.iter().any(|p| p.zone == Zone::Anyone));
    let ssh = sample::required(&plan).into_iter().find(|r| r.permit.why.service == "ssh").unwrap().flow;
    assert_ne!(Judge::new(&in_force(fallback(&plan, "r7"))).verdict(&ssh), Judged::Drop);
    let mut closed = panic(&plan, "panic");
    assert!(!admits_anybody(&closed));
    assert_eq!(Judge::new(&in_force(closed.clone())).verdict(&ssh), Judged::Drop);
    admit(&mut closed, &[ssh.src]);
    admit(&mut closed, &[ssh.src]);
    assert_eq!(admitted(&closed), [ssh.src]);
    assert!(admits_anybody(&closed));
    assert_eq!(Judge::new(&in_force(closed)).verdict(&ssh), Judged::Accept);
    assert!(admits_anybody(&panic(&self::plan("sql", "", TRUSTED), "panic")));
    assert!(admits_anybody(&panic(&self::plan("sql", ADMIN, ""), "panic")));
}
