//! `rolewall apply`: put the plan in force, in test mode unless told otherwise.
//! Not here: what it prints; the vendor's command says the same things in other words.

mod before;

use self::before::{Stand, Thought};
use super::switch::confirmed;
use crate::beside::beside;
use crate::candidate::{in_force, out_of_force};
use crate::cli::ApplyArgs;
use crate::cut::{Asked, Ended, OwnSession, Reach, cut};
use crate::failure::{Failure, Kind};
use crate::firewall::{Firewall, Seen, generation_differences};
use crate::foreign;
use crate::host::Host;
use crate::joined;
use crate::precheck::{self, Cut, Live};
use crate::safety_net;
use crate::settle::return_to_previous;
use crate::state::artefact::{Encoded, Stage};
use crate::state::closed::Closed;
use crate::state::saved::save;
use crate::state::{Notes, Store};
use crate::step::Step;
use rolewall_control::{Change, Revision};
use rolewall_kernel::nft::Nft;
use rolewall_policy::Plan;
use rolewall_policy::plan::Warning;
use rolewall_ruleset::delta::SetDelta;
use rolewall_ruleset::transaction::IfThere;
use rolewall_ruleset::{Generation, Op, Ruleset, TableFlags, TableId, Transaction};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

/// What was done.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) revision: Revision,
    pub(crate) how: How,
    /// Where the firewall before was saved; none where it stays as it is.
    pub(crate) saved: Option<PathBuf>,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) cut: Cut,
    pub(crate) ended: Ended,
}

/// In which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// What is confirmed already is the plan.
    Unchanged,
    /// In test mode for so long.
    Test(Duration),
    /// Confirmed; a new generation.
    Final,
    /// Confirmed; so many elements added and deleted, nothing else touched.
    Elements { added: usize, deleted: usize },
}

/// How long a candidate that is confirmed at once may stay in force if this process dies before it is.
const FINAL_WINDOW: Duration = Duration::from_secs(60);

pub(crate) fn apply(host: &Host, arguments: &ApplyArgs) -> Result<Applied, Failure> {
    host.live("apply")?;
    refuse_cut_of_a_test(arguments)?;
    let store = Store::of(host);
    let _lock = store.lock("apply")?;
    let (hand_over, stand) = mpsc::channel();
    let look = || {
        // Whoever thinks has gone already where the inputs are bad, and says so.
        let _ = hand_over.send(Stand::read(host, store));
        let mut second = Nft::open()?;
        Ok::<_, Failure>((Live::read(&mut second)?, second))
    };
    let (live, thought) = beside(look, move || Thought::of(host, arguments, &stand));
    let Thought { mut stand, plan, step, nodes, left, window } = thought?;
    let (live, second) = live?;
    stand.firewall.take(second);
    let mut applying = Applying { host, stand, live, plan: &plan, arguments, nodes, left };
    let applied = applying.take(step, window)?;
    applying.stand.firewall.leave();
    Ok(applied)
}

/// A test may be taken back, and flows that were ended do not come back with what was in force before.
fn refuse_cut_of_a_test(arguments: &ApplyArgs) -> Result<(), Failure> {
    if arguments.final_ || !arguments.cut.is_said() {
        return Ok(());
    }
    Err(Failure::input("--cut, --no-cut and --close are for what is confirmed, and this is a test")
        .help("give them to rolewall confirm, or to rolewall apply --final"))
}

struct Applying<'a> {
    host: &'a Host,
    stand: Stand,
    live: Live,
    plan: &'a Plan,
    arguments: &'a ApplyArgs,
    nodes: usize,
    /// Addresses of nodes that were confirmed, and are no longer in the inventory.
    left: Vec<IpAddr>,
}

impl Applying<'_> {
    fn take(&mut self, step: Step, window: Duration) -> Result<Applied, Failure> {
        match step {
            Step::Nothing { revision, wanted } => {
                keep_on_disk(&self.stand.store, revision, &wanted)?;
                // One that was cut short left it in force, and a boot would not.
                self.stand.notes.disabled = false;
                self.stand.store.keep_closed(&Closed::of(self.plan, revision))?;
                if self.stand.notes != self.stand.before {
                    self.stand.store.write_notes(&self.stand.notes)?;
                }
                let ended = self.cut(wanted);
                Ok(Applied { ended, ..self.applied(revision, How::Unchanged, None, Cut::default()) })
            }
            Step::Elements { revision, wanted, deltas } => self.elements(revision, wanted, &deltas),
            Step::New { revision, wanted, previous } => self.new_revision(revision, wanted, previous, window),
        }
    }

    fn elements(
        &mut self,
        revision: Revision,
        wanted: Generation,
        deltas: &[SetDelta],
    ) -> Result<Applied, Failure> {
        let candidate = in_force(wanted);
        let cut = self.precheck(&candidate)?;
        let wanted = out_of_force(candidate);
        let Stand { firewall, store, notes, .. } = &mut self.stand;
        let id = firewall.id.clone();
        let mut ops = Vec::new();
        for delta in deltas {
            let Some(set) = wanted.parts.set(&delta.set) else { continue };
            if !delta.delete.is_empty() {
                ops.push(Op::DeleteElements(&id, set, &delta.delete));
            }
            if !delta.add.is_empty() {
                ops.push(Op::AddElements(&id, set, &delta.add, IfThere::Keep));
            }
        }
        firewall.commit(&Transaction { generation: None, ops })?;
        firewall.verify(revision, &wanted)?;
        store.write_confirmed(revision, &wanted)?;
        store.keep_closed(&Closed::of(self.plan, revision))?;
        // The inventory says it all now.
        joined::forget_all_but(store, None);
        notes.nodes = self.nodes;
        notes.disabled = false;
        store.write_notes(notes)?;
        let added = deltas.iter().map(|d| d.add.len()).sum();
        let deleted = deltas.iter().map(|d| d.delete.len()).sum();
        let ended = self.cut(wanted);
        Ok(Applied { ended, ..self.applied(revision, How::Elements { added, deleted }, None, cut) })
    }

    /// A whole new generation beside what is in force.
    fn new_revision(
        &mut self,
        revision: Revision,
        wanted: Generation,
        previous: Result<String, Failure>,
        window: Duration,
    ) -> Result<Applied, Failure> {
        let candidate = in_force(wanted);
        let plan = self.plan;
        let (cut, files) = beside(|| self.precheck(&candidate), || Files::of(plan, revision, &candidate));
        let (cut, files) = (cut?, files?);
        let generation = out_of_force(candidate);
        let previous = previous?;
        let saved = save(self.host, &previous)?;
        let sleeping =
            if self.arguments.take_over { foreign::to_sleep(&self.stand.foreign) } else { Vec::new() };
        if self.arguments.take_over {
            let awake = foreign::staying_awake(&self.stand.foreign);
            awake.iter().for_each(|words| eprintln!("warning: {words}"));
        }
        self.stage(revision, &files, (&saved, &previous), &sleeping)?;
        drop(files);
        if self.arguments.final_ {
            let seen = self.start_test(revision, &generation, FINAL_WINDOW, &sleeping)?;
            self.keep(&seen)?;
            let ended = self.cut(generation);
            return Ok(Applied { ended, ..self.applied(revision, How::Final, Some(saved), cut) });
        }
        let window = self.arguments.window.unwrap_or(window);
        self.start_test(revision, &generation, window, &sleeping)?;
        safety_net::install(self.host, window);
        Ok(self.applied(revision, How::Test(window), Some(saved), cut))
    }

    /// Judges the candidate as the table that it would be; refuses what would cut the operator off.
    fn precheck(&self, candidate: &Ruleset) -> Result<Cut, Failure> {
        precheck::keeps_its_plan(candidate, self.plan)?;
        let cut = precheck::cut_by(candidate, &self.live);
        if let (Some((session, by)), false) = (cut.sessions.first(), self.arguments.force) {
            return Err(Failure::input(format_args!("your own session would be cut: {session}\n  decided by {by}"))
                .help("nothing was changed; add your network to admin in cluster.toml or to TRUSTED_NET, or use --force"));
        }
        Ok(cut)
    }

    /// Everything that the next command must find, should this one be killed after the kernel has changed.
    fn stage(
        &mut self,
        revision: Revision,
        files: &Files,
        (saved, previous): (&Path, &str),
        sleeping: &[(TableId, TableFlags)],
    ) -> Result<(), Failure> {
        let Stand { notes, store, .. } = &mut self.stand;
        notes.last_revision = revision.0;
        notes.saved = Some(saved.to_owned());
        notes.asleep_by_test.extend(sleeping.iter().map(|(id, _)| id.to_string()));
        notes.nodes_under_test = Some(self.nodes);
        notes.left_by_test.clone_from(&self.left);
        notes.session = self.live.sessions.first().map(ToString::to_string);
        store.write_notes_and_saved(notes, previous)?;
        store.stage_closed(&files.closed)?;
        store.stage(&files.candidate)
    }

    fn start_test(
        &mut self,
        revision: Revision,
        generation: &Generation,
        window: Duration,
        sleeping: &[(TableId, TableFlags)],
    ) -> Result<Seen, Failure> {
        let Stand { firewall, store, seen, .. } = &mut self.stand;
        let id = firewall.id.clone();
        let change = Change::start_test(&id, seen.as_ref().map(|s| &s.held), generation, window);
        if let Err(failure) = firewall.make_visible(&change, sleeping) {
            // Where only the answer was lost, the candidate is in force all the same.
            let seen = firewall.look().ok().flatten();
            let is_there = seen.is_some_and(|seen| seen.held.candidate_revision() == Some(revision));
            if is_there {
                self.take_back()?
            } else {
                self.unstage()?
            }
            return Err(failure);
        }
        let mut verify = || firewall.verify(revision, generation);
        let verified = if self.arguments.final_ {
            // It is confirmed at once: the disk writes while the kernel is asked.
            let (verified, stays) = beside(verify, || store.make_candidate_stay());
            stays.and(verified)
        } else {
            verify()
        };
        match verified {
            Ok(seen) => {
                // What is confirmed at once is tidied up then, with what this leaves: by what was just seen.
                if !self.arguments.final_ {
                    firewall.tidy(&change)?;
                }
                Ok(seen)
            }
            Err(failure) => {
                self.take_back()?;
                Err(failure)
            }
        }
    }

    /// The kernel took nothing of the candidate: nor does the disk keep it. Should another candidate be under
    /// test, its file is made again from the kernel when it is confirmed.
    fn unstage(&mut self) -> Result<(), Failure> {
        let Stand { store, before, .. } = &mut self.stand;
        store.discard_candidate()?;
        store.write_notes(before)
    }

    fn take_back(&mut self) -> Result<(), Failure> {
        let Stand { firewall, store, notes, .. } = &mut self.stand;
        let seen = firewall.look()?;
        let id = firewall.id.clone();
        let change = Change::revert(&id, seen.as_ref().map(|s| &s.held))?;
        return_to_previous(self.host, store, firewall, notes, &change)
    }

    /// `--final`: what was just tested is confirmed at once.
    fn keep(&mut self, seen: &Seen) -> Result<(), Failure> {
        let Stand { firewall, store, notes, .. } = &mut self.stand;
        notes.confirm(self.nodes);
        confirm_held(store, firewall, seen, notes)?;
        safety_net::remove(self.host);
        Ok(())
    }

    /// Once it is confirmed: ends what it revokes.
    fn cut(&mut self, generation: Generation) -> Ended {
        let ApplyArgs { final_, force, cut: arguments, .. } = self.arguments;
        if !final_ {
            return Ended::default();
        }
        let own = if *force { OwnSession::Cut } else { OwnSession::Keep };
        let reach = Reach::of(&generation, &self.left, arguments);
        let ruleset = |_: &mut Firewall| Ok(in_force(generation));
        cut(&mut self.stand.firewall, &reach, Asked { arguments, own }, ruleset)
    }

    fn applied(&self, revision: Revision, how: How, saved: Option<PathBuf>, cut: Cut) -> Applied {
        Applied { revision, how, saved, warnings: self.plan.warnings.clone(), cut, ended: Ended::default() }
    }
}

/// What is staged of a candidate.
struct Files {
    candidate: Encoded,
    closed: Encoded,
}

impl Files {
    fn of(plan: &Plan, revision: Revision, candidate: &Ruleset) -> Result<Files, Failure> {
        let whole = candidate.tables.first().map(Change::load_whole);
        let whole = whole.ok_or_else(|| Failure::new(Kind::Bug, "the candidate has no table"))?;
        let candidate = Encoded::of(revision, &whole.visible())?;
        Ok(Files { candidate, closed: Closed::of(plan, revision).encode()? })
    }
}

/// Makes the candidate, whose files are on the disk for good, the ruleset: packets first, then those files, then what
/// nobody reaches any more. The notes are those that are true then.
pub(crate) fn confirm_held(
    store: &Store,
    firewall: &mut Firewall,
    seen: &Seen,
    notes: &Notes,
) -> Result<Revision, Failure> {
    let id = firewall.id.clone();
    let change = Change::confirm(&id, Some(&seen.held))?;
    firewall.make_visible(&change, &[])?;
    let revision = firewall.confirmed_revision()?;
    if Some(revision) != seen.held.candidate_revision() {
        return Err(Failure::new(
            Kind::Refused,
            format_args!("the kernel leads packets to revision {revision} after confirming another"),
        ));
    }
    store.promote()?;
    store.write_notes(notes)?;
    joined::forget_all_but(store, Some(revision));
    firewall.tidy(&change)?;
    Ok(revision)
}

/// The file that is about to become what boot loads must hold the revision under test: another apply may have
/// been killed or refused over it meanwhile. Then it is made again from what the kernel holds.
pub(crate) fn keep_what_is_tested(
    store: &Store,
    firewall: &mut Firewall,
    seen: &Seen,
) -> Result<(), Failure> {
    let Some(candidate) = seen.held.candidate_revision() else { return Ok(()) };
    if store.artefact_revision(Stage::Candidate) != Some(candidate) {
        let held = firewall.read_generation(seen, candidate)?;
        store.stage(&Encoded::of(candidate, &Change::load(&firewall.id, None, &held).visible())?)?;
    }
    store.make_candidate_stay()
}

/// What is in force and as planned must also be what boot loads: a killed run or a damaged file may have left
/// something else there.
fn keep_on_disk(store: &Store, revision: Revision, held: &Generation) -> Result<(), Failure> {
    let on_disk = confirmed(store).ok().filter(|artefact| artefact.revision == revision);
    if on_disk.is_some_and(|artefact| generation_differences(&artefact.generation(), held).is_empty()) {
        return Ok(());
    }
    store.write_confirmed(revision, held)?;
    joined::forget_all_but(store, None);
    Ok(())
}
