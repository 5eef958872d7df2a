//! Random clusters, as files that the real parsers read.
//! Not here: what is asked of them.

use rolewall_policy::plan::{self, Me};
use rolewall_policy::{Catalogue, Inventory, Node, Observed, Plan, Settings, Source, inventory, settings};
use std::fmt::Write as _;
use std::sync::LazyLock;

pub(crate) static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::built_in);

/// Numbers that follow from a seed (splitmix64, by Vigna, public domain).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.next() % bound as u64) as usize }
    }

    pub(crate) fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    pub(crate) fn of<'s, T>(&mut self, some: &'s [T]) -> &'s T {
        &some[self.below(some.len())]
    }

    /// Up to so many of them, in their order.
    fn some_of<'s>(&mut self, all: &[&'s str], most: usize) -> Vec<&'s str> {
        let count = self.below(most + 1);
        let mut chosen: Vec<usize> = (0..count).map(|_| self.below(all.len())).collect();
        chosen.sort_unstable();
        chosen.dedup();
        chosen.into_iter().map(|at| all[at]).collect()
    }
}

/// A node's plan, and the files that it follows from.
pub(crate) struct World {
    pub(crate) inventory: Inventory,
    pub(crate) settings: Settings,
    pub(crate) plan: Plan,
    pub(crate) text: String,
}

const ROLES: [&str; 11] = ["web", "sip", "pbx", "jabber", "ic", "worker", "queue", "sql", "dd", "es", "s3"];
const NETS: [&str; 12] = [
    "198.51.100.0/28",
    "203.0.113.0/25",
    "192.0.2.128/26",
    "10.20.4.0/22",
    "10.20.0.3/32",
    "10.0.0.0/8",
    "198.18.0.0/15",
    "169.254.7.0/24",
    "2001:db8:a::/61",
    "2001:db8:7::/64",
    "fd20:0:0:1::/64",
    "fd20::3/128",
];

impl World {
    /// None where the files contradict themselves.
    pub(crate) fn of(random: &mut Random, seed: u64) -> Option<World> {
        let (cluster, settings) = (cluster(random), settings(random));
        let text = format!("seed {seed}\n--- cluster.toml\n{cluster}\n--- rolewall.toml\n{settings}");
        World::parsed(&cluster, &settings, text)
    }

    pub(crate) fn parsed(cluster: &str, settings: &str, text: String) -> Option<World> {
        let inventory = inventory::parse(&[Source::new("cluster.toml", cluster)], &CATALOGUE).ok()?;
        let settings = Source::new("rolewall.toml", settings);
        let settings = settings::parse(Some(&settings), None, &CATALOGUE).ok()?;
        let node = settings.node.as_ref().and_then(|name| inventory.nodes.iter().find(|n| n.name == *name));
        let plan = planned(&inventory, &settings, node.or(inventory.nodes.first())?);
        Some(World { inventory, settings, plan, text })
    }

    /// The plan of any node.
    pub(crate) fn plan_of(&self, node: &Node) -> Plan {
        planned(&self.inventory, &self.settings, node)
    }
}

fn planned(inventory: &Inventory, settings: &Settings, node: &Node) -> Plan {
    let me = Me::from_node(node, &Observed::default());
    plan::derive(plan::Inputs { catalogue: &CATALOGUE, inventory, settings, me: &me })
}

fn cluster(random: &mut Random) -> String {
    let mut text = "[cluster]\nname = \"c\"\n".to_owned();
    if !random.one_in(4) {
        let _ = writeln!(
            text,
            "private = {:?}",
            random.of(&[
                &["10.20.0.0/16", "fd20::/48"][..],
                &["10.20.0.0/16"],
                &["10.20.0.0/21", "fd20::/63"],
                &["10.0.0.0/9", "10.128.0.0/9", "fd00::/8"],
            ])
        );
    }
    for list in ["admin", "trunks"] {
        if !random.one_in(3) {
            let _ = writeln!(text, "{list} = {:?}", random.some_of(&NETS, 3));
        }
    }
    // Beyond some hundred nodes, every node is the union of roles' sets.
    let nodes = if random.one_in(12) { 300 } else { 1 + random.below(9) };
    for number in 1..=nodes {
        text += &node(random, number);
    }
    text
}

fn node(random: &mut Random, number: usize) -> String {
    let (third, fourth) = (number / 200, number % 200 + 1);
    let mut private = Vec::new();
    let families = random.below(3);
    if families != 1 {
        private.push(format!("10.20.{third}.{fourth}"));
    }
    if families != 0 {
        private.push(format!("fd20::{number:x}"));
    }
    if random.one_in(6) {
        private.push(format!("10.20.{}.{fourth}", third + 100));
    }
    let most = if random.one_in(4) { 9 } else { 3 };
    let roles = random.some_of(&ROLES, most);
    let mut text = format!("[[node]]\nname = \"n{number}\"\nprivate = {private:?}\nroles = {roles:?}\n");
    let is_public = random.one_in(2);
    if is_public {
        let _ = writeln!(text, "public = [\"192.0.{}.{fourth}\", \"2001:db8::{number:x}\"]", 2 + third);
    }
    if is_public && roles.contains(&"ic") && random.one_in(2) {
        text += "admin_public = [\"ic\"]\n";
    }
    let moved: Vec<&&str> = roles.iter().filter(|role| **role != "worker").collect();
    if random.one_in(4) && !moved.is_empty() {
        let ports = random.of(&[
            "tcp/3307",
            "tcp/443",
            "udp/4100-4200",
            "udp/68",
            "sctp/1-16",
            "tcp/65535",
            "tcp/22",
        ]);
        let _ = writeln!(text, "ports = {{ {} = [{ports:?}] }}", random.of(&moved));
    }
    text
}

fn settings(random: &mut Random) -> String {
    let mut text = "[node]\nname = \"n1\"\n[interfaces]\n".to_owned();
    for (list, names) in [("private", ["eth1", "eth2"]), ("public", ["eth0", "ppp0"])] {
        let count = random.below(3);
        let _ = writeln!(text, "{list} = {:?}", &names[..count]);
    }
    for list in ["trusted", "deny"] {
        if random.one_in(2) {
            let _ = writeln!(text, "[{list}]\nnetworks = {:?}", random.some_of(&NETS, 3));
        }
    }
    let modes = ["enforce", "enforce", "observe"];
    let (inward, outward) = (random.of(&modes), random.of(&modes));
    let forward = random.of(&["untouched", "observe", "enforce"]);
    let _ = writeln!(text, "[mode]\nin = {inward:?}\nout = {outward:?}\nforward = {forward:?}");
    if random.one_in(2) {
        let role = random.of(&ROLES);
        let _ =
            writeln!(text, "roles = {{ {role} = {:?}, node = {:?} }}", random.of(&modes), random.of(&modes));
    }
    if random.one_in(3) {
        let _ = writeln!(text, "[limits]\n{} = {{ new_per_second = 5, burst = 9 }}", random.of(&ROLES));
    }
    text
}
