//! The steps of a revision's life: how the node stands before each, its command, and where it leads.
//! Not here: what goes wrong in them.

use super::calls::{Call, Kind};
use super::stage::{Stage, Stands, collect};
use super::support::program::{Program, said};
use super::support::{nft, nft_load};
use super::tracer::{Fault, trace};
use super::view::View;
use nix::errno::Errno;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static [&'static str],
    /// From revision 1, the web role, confirmed.
    prepare: fn(&Stage),
    /// The node stands so for a moment in between.
    passes: Option<fn(&Stage)>,
}

/// Where a step may leave a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) view: View,
    pub(crate) stands: Stands,
}

/// A step, and what an undisturbed run of it does.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) step: Step,
    pub(crate) calls: Vec<Call>,
    /// What is in the state directory before.
    pub(crate) files: Vec<PathBuf>,
    /// Before, after, and what lies between.
    pub(crate) places: Vec<Place>,
    /// Where a boot leads for which there is nothing that was confirmed to be read.
    pub(crate) fallback: Option<Place>,
}

pub(crate) const NODE: [&str; 8] =
    ["node", "add", "new", "--private", "10.20.3.3", "--private", "fd20::3:3", "--role=sql"];

/// All of them.
pub(crate) const STEPS: [Step; 13] = [
    Step { name: "apply, the first", arguments: &["apply"], prepare: nothing_yet, passes: None },
    Step { name: "apply", arguments: &["apply"], prepare: become_sip, passes: None },
    Step {
        name: "apply --final",
        arguments: &["apply", "--final"],
        prepare: become_sip,
        passes: Some(under_test),
    },
    Step {
        name: "apply --final, elements",
        arguments: &["apply", "--final"],
        prepare: one_more,
        passes: None,
    },
    Step {
        name: "apply --take-over",
        arguments: &["apply", "--take-over"],
        prepare: beside_another,
        passes: None,
    },
    Step { name: "confirm", arguments: &["confirm"], prepare: under_test, passes: None },
    Step { name: "revert", arguments: &["revert"], prepare: under_test, passes: None },
    Step { name: "janitor", arguments: &["janitor"], prepare: expired, passes: None },
    Step { name: "disable", arguments: &["disable"], prepare: nothing, passes: None },
    Step { name: "enable", arguments: &["enable"], prepare: disabled, passes: None },
    Step { name: "boot", arguments: &["boot"], prepare: Stage::forget, passes: None },
    Step { name: "node add", arguments: &NODE, prepare: nothing, passes: None },
    Step { name: "node remove", arguments: &["node", "remove", "new"], prepare: with_node, passes: None },
];

fn nothing(_: &Stage) {}

fn nothing_yet(stage: &Stage) {
    stage.forget();
    fs::remove_dir_all(stage.state("")).unwrap();
}

fn become_sip(stage: &Stage) {
    stage.become_role("sip");
}

fn under_test(stage: &Stage) {
    become_sip(stage);
    stage.node().expect(0, &["apply"]);
}

/// A test that nobody confirmed: the kernel has let its elements go.
fn expired(stage: &Stage) {
    under_test(stage);
    nft(stage.node(), &["flush", "set", "inet", "rolewall", "armed"]);
}

fn disabled(stage: &Stage) {
    stage.node().expect(0, &["disable"]);
}

fn with_node(stage: &Stage) {
    stage.node().expect(0, &NODE);
}

/// A node more in the inventory, of a role whose nodes this one's service is for.
fn one_more(stage: &Stage) {
    let more = "[[node]]\nname = \"late\"\nprivate = [\"10.20.4.4\", \"fd20::4:4\"]\nroles = [\"sql\"]\n";
    stage.node().write("/etc/rolewall/cluster.d/late.toml", more).unwrap();
}

fn beside_another(stage: &Stage) {
    become_sip(stage);
    nft_load(
        stage.node(),
        "table inet theirs {\n chain input {\n type filter hook input priority 10; policy accept;
         tcp dport 9999 drop\n }\n }\n",
    );
}

impl Step {
    /// Everything as it is before this step.
    pub(crate) fn begin(&self, stage: &Stage) {
        stage.reset();
        (self.prepare)(stage);
    }

    /// Runs it undisturbed, and learns its places and calls.
    pub(crate) fn learn(self, stage: &Stage) -> Known {
        self.begin(stage);
        let before = Place::of(stage).unwrap();
        let mut files = BTreeMap::new();
        collect(&stage.state(""), &mut files);
        let files =
            files.into_iter().filter(|(_, content)| !content.is_empty()).map(|(path, _)| path).collect();
        let traced = trace(stage.node(), self.arguments, Fault::None);
        said(0, &traced.finished);
        let after = Place::of(stage).unwrap();
        assert_ne!(before.view, after.view, "{} does nothing", self.name);
        let mut places = vec![before, after];
        if let Some(passes) = self.passes {
            stage.reset();
            passes(stage);
            places.push(Place::of(stage).unwrap());
        }
        let fallback = (self.arguments == ["boot"]).then(|| {
            self.begin(stage);
            fs::remove_file(stage.state("confirmed.rules")).unwrap();
            said(3, &stage.node().run(self.arguments));
            Place::of(stage).unwrap()
        });
        Known { step: self, calls: traced.calls, files, places, fallback }
    }
}

impl Place {
    pub(crate) fn of(stage: &Stage) -> Result<Place, String> {
        Ok(Place { view: View::of(&stage.held()), stands: stage.stands()? })
    }
}

impl Known {
    /// How many calls of a kind may fail so.
    pub(crate) fn count(&self, kind: Kind, errno: Errno) -> usize {
        self.calls.iter().filter(|call| call.kind == kind && call.may_be(errno)).count()
    }

    pub(crate) fn writes(&self) -> usize {
        self.calls.iter().filter(|call| call.is_write()).count()
    }

    pub(crate) fn after(&self) -> &Place {
        &self.places[1]
    }
}
