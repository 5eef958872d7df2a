//! The judge against Linux: random rulesets, random packets around their edges, and nftrace of each packet.
//! Not here: the judge by itself (crate `ruleset`), and rules of roles (crate `policy`).
//!
//! A packet's fate and every rule that took effect on it must be what the judge says of the ruleset as it was
//! read back. Where the judge says *may*, a rule must ask for what no flow tells.
//!
//! | variable | what | default |
//! |---|---|---|
//! | `ROLEWALL_DIFFERENTIAL_SEED` | seed of the first ruleset; the next has the next | the time |
//! | `ROLEWALL_DIFFERENTIAL_RULESETS` | rulesets of each kind | 60; all public ones |
//! | `ROLEWALL_DIFFERENTIAL_PACKETS` | packets of each ruleset | 100 |
//! | `ROLEWALL_PUBLIC_RULESETS` | a folder with `rulesets` of other people in it | beside the checkout |
//!
//! A disagreement is printed as a small case, with the command that repeats it. The run of a developer, 2,000
//! rulesets and 220,000 packets:
//! `ROLEWALL_DIFFERENTIAL_RULESETS=1000 ROLEWALL_DIFFERENTIAL_PACKETS=110 cargo test -p rolewall-kernel --test
//! differential -- --nocapture --skip public`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod compare;
mod edges;
mod foreign;
mod native;
mod packet;
mod palette;
mod public;
mod random;
mod run;
mod shrink;
#[path = "../support/mod.rs"]
mod support;
mod tally;
mod trace;
mod traffic;
mod untold;
mod witness;
mod world;

use edges::Edges;
use foreign::Script;
use native::Features;
use palette::Palette;
use public::{Listing, listings};
use random::Random;
use rolewall_ruleset::judge::Rates;
use run::{Case, Disagreement, Rules, Run};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tally::Tally;
use traffic::Traffic;

/// Disagreements after which a run ends.
const DISAGREEMENTS_MAX: u64 = 5;
/// Namespaces at work at once: Linux waits more than it works when tables come and go.
const WORKERS: usize = 6;

/// How large a run is, and where it begins.
struct Size {
    seed: u64,
    rulesets: usize,
    packets: usize,
}

impl Size {
    fn of_environment(rulesets: usize) -> Size {
        let number = |name: &str| std::env::var(format!("ROLEWALL_DIFFERENTIAL_{name}")).ok()?.parse().ok();
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let size = |name, default| number(name).map_or(default, |n: u64| n as usize);
        let seed = number("SEED").unwrap_or_else(now);
        Size { seed, rulesets: size("RULESETS", rulesets), packets: size("PACKETS", 100) }
    }
}

/// The ruleset of a seed, and what its packets are drawn from.
struct Drawn {
    rules: Rules,
    palette: Palette,
    edges: Edges,
    rates: Rates,
}

/// Makes the ruleset of a seed; none where Linux refuses it.
type Draw = fn(&mut Run, u64) -> Option<Drawn>;

/// What the workers of a run share: each takes the next seed, in a namespace of its own.
struct Shared {
    name: &'static str,
    size: Size,
    next: AtomicU64,
    disagreements: AtomicU64,
    tally: Mutex<Tally>,
}

/// Runs the rulesets of consecutive seeds.
fn differ(name: &'static str, draw: Draw, size: Size) -> Tally {
    println!("{name}: ROLEWALL_DIFFERENTIAL_SEED={}", size.seed);
    let (next, disagreements) = (AtomicU64::new(0), AtomicU64::new(0));
    let shared = Shared { name, size, next, disagreements, tally: Mutex::default() };
    let start = Instant::now();
    std::thread::scope(|scope| {
        for place in 0..WORKERS {
            let shared = &shared;
            scope.spawn(move || support::in_namespace(|| shared.work(&mut Run::ready(place), draw)));
        }
    });
    let tally = shared.tally.into_inner().unwrap();
    println!("{name}: {tally}, in {:.1} s", start.elapsed().as_secs_f64());
    let disagreements = shared.disagreements.into_inner();
    assert!(disagreements == 0, "{disagreements} disagreements; see above");
    tally
}

impl Shared {
    fn work(&self, run: &mut Run, draw: Draw) {
        loop {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            let enough = self.disagreements.load(Ordering::Relaxed) >= DISAGREEMENTS_MAX;
            if place >= self.size.rulesets as u64 || enough {
                return;
            }
            self.ruleset(run, self.size.seed + place, draw);
        }
    }

    fn ruleset(&self, run: &mut Run, seed: u64, draw: Draw) {
        // Other numbers than those that the rules are made of.
        let random = &mut Random::from_seed(!seed);
        let drawn = draw(run, seed);
        let Some(drawn) = drawn else {
            self.tally.lock().unwrap().refused += 1;
            return;
        };
        let case = case(drawn, random, self.size.packets);
        match run.run(&case) {
            Ok(outcome) => {
                self.tally.lock().unwrap().add(&outcome.agreements);
                if let Some(found) = outcome.first {
                    self.disagreements.fetch_add(1, Ordering::Relaxed);
                    let (case, found) = shrink::shrink(run, case, found);
                    self.print(seed, &case, &found);
                }
            }
            Err(why) => {
                println!("seed {seed}: refused: {why}");
                self.tally.lock().unwrap().refused += 1;
            }
        }
    }

    fn print(&self, seed: u64, case: &Case, found: &Disagreement) {
        let (name, number, packets) = (self.name, case.packets.len(), self.size.packets);
        println!(
            "\n--- {name}: the kernel and the judge disagree, on the last of {number} packets\n{}repeat: \
             ROLEWALL_DIFFERENTIAL_SEED={seed} ROLEWALL_DIFFERENTIAL_RULESETS=1 \
             ROLEWALL_DIFFERENTIAL_PACKETS={packets} cargo test -p rolewall-kernel --test differential {name}\n",
            found.text
        );
    }
}

fn case(drawn: Drawn, random: &mut Random, packets: usize) -> Case {
    let Drawn { rules, palette, edges, rates } = drawn;
    // Where what is for everybody is translated, Linux looks for an address of that scope, or drops it.
    let to_groups = !rules.translate();
    let discovers = !rules.look_before_conntrack();
    let mut traffic = Traffic { palette: &palette, edges: &edges, random, to_groups, discovers };
    let mut packets = traffic.packets(packets);
    // Flows that conntrack knows before come first: others may have it forget.
    packets.sort_by_key(|packet| packet.before.is_empty());
    Case { rules, packets, rates }
}

/// What the judge is held to. Those that are off await their place in it.
fn features(random: &mut Random) -> Features {
    Features {
        translates: random.percent(25),
        beside_nat: false,
        unknowable: random.percent(10),
        before_conntrack: true,
        catch_all: true,
        interface_of_other_hook: true,
        hop_limit_of_forwarded: true,
        remembers: random.percent(20),
        remembers_untold: true,
        forgets: true,
        inner_of_any: true,
    }
}

fn native(_: &mut Run, seed: u64) -> Option<Drawn> {
    let random = &mut Random::from_seed(seed);
    let features = features(random);
    let rates = *random.pick(&[Rates::Within, Rates::Beyond]);
    let palette = Palette::random(random);
    let tables = native::tables(random, &palette, features, rates);
    let edges = Edges::of(&tables, random);
    Some(Drawn { rules: Rules::Tables(tables), palette, edges, rates })
}

fn foreign(_: &mut Run, seed: u64) -> Option<Drawn> {
    let random = &mut Random::from_seed(seed);
    let palette = Palette::random(random);
    let mut edges = Edges::default();
    let script = Script::random(random, &palette, &mut edges);
    Some(Drawn { rules: Rules::Script(script), palette, edges, rates: Rates::Within })
}

/// The ruleset of the seed's place among all public ones.
fn public(run: &mut Run, seed: u64) -> Option<Drawn> {
    let random = &mut Random::from_seed(seed);
    let listings = LISTINGS.get_or_init(listings);
    let listing = &listings[seed as usize % listings.len()];
    let rules = Rules::Listing(listing.clone());
    let read = run.read_back(&rules).map_err(|why| println!("{}: {why}", listing.path.display()));
    let tables = read.ok()?;
    let (palette, edges) = (Palette::random(random), Edges::of(&tables, random));
    Some(Drawn { rules, palette, edges, rates: Rates::Unknown })
}

static LISTINGS: OnceLock<Vec<Listing>> = OnceLock::new();

#[test]
fn the_judge_and_linux_agree_on_all_that_can_be_said() {
    let name = "the_judge_and_linux_agree_on_all_that_can_be_said";
    differ(name, native, Size::of_environment(60)).assert_telling();
}

#[test]
fn the_judge_and_linux_agree_on_what_iptables_loads() {
    let name = "the_judge_and_linux_agree_on_what_iptables_loads";
    differ(name, foreign, Size::of_environment(60)).assert_telling();
}

#[test]
fn the_judge_and_linux_agree_on_public_rulesets() {
    let name = "the_judge_and_linux_agree_on_public_rulesets";
    match LISTINGS.get_or_init(listings).len() {
        0 => println!("no public rulesets lie beside the checkout: none was loaded"),
        number => drop(differ(name, public, Size::of_environment(number))),
    }
}
