//! `rolewall status`: where this host stands, by what the kernel holds.
//! Not here: changing any of it.

use crate::commands::explain::held;
use crate::failure::Failure;
use crate::firewall::{Firewall, Seen, frame_differences, generation_differences, leads};
use crate::foreign::{self, Foreign};
use crate::host::Host;
use crate::inputs::{Inputs, Look};
use crate::joined;
use crate::neighbours::neighbours;
use crate::state::Store;
use crate::state::artefact::Stage;
use rolewall_control::frame::Leads;
use rolewall_control::{Held, Phase, Revision};
use rolewall_policy::lower::closed::{FALLBACK, admitted};
use serde::Serialize;

/// The document of `status --json`.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    state: &'static str,
    revision: Option<u32>,
    /// Seconds left of a test, rounded up.
    deadline_s: Option<u64>,
    previous_revision: Option<u32>,
    /// Nodes that joined or left since the revision was confirmed.
    amended: usize,
    disabled: bool,
    /// The operator has closed this host to all but admin and trusted networks.
    panic: bool,
    /// Addresses that may reach ssh besides.
    admitted: Vec<String>,
    /// At boot the confirmed revision could not be loaded, and a lesser one is in force.
    fallback: bool,
    drift: Vec<String>,
    foreign: Vec<ForeignTable>,
    /// What else on this host decides about the plan's flows.
    neighbours: Vec<String>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ForeignTable {
    table: String,
    filters: Vec<&'static str>,
    nat: bool,
    dormant: bool,
    owned: bool,
}

pub(crate) fn status(host: &Host) -> Result<Status, Failure> {
    host.live("status")?;
    let store = Store::of(host);
    let mut firewall = Firewall::open()?;
    let seen = firewall.look()?;
    let phase = Phase::of(seen.as_ref().map(|s| &s.held));
    let notes = store.notes()?;
    let mut status = Status {
        state: word(phase),
        revision: phase.in_force().map(|r| r.0),
        deadline_s: deadline_s(phase),
        previous_revision: previous(phase).map(|r| r.0),
        amended: 0,
        disabled: notes.disabled,
        panic: seen.as_ref().is_some_and(|s| !s.held.panic.is_empty()),
        admitted: Vec::new(),
        fallback: seen.as_ref().is_some_and(|s| is_fallback(&s.held)),
        drift: Vec::new(),
        foreign: foreign::tables(&mut firewall)?.iter().map(foreign_table).collect(),
        neighbours: neighbours_of(host),
        notes: remarks(phase),
    };
    status.notes.extend(notes.stand_in.map(|words| format!("when it was last applied, {words}")));
    status.drift.extend(half_disabled(phase).filter(|_| notes.disabled));
    if let Some(revision) = phase.confirmed() {
        status.amended = joined::events(&store, revision)?.len();
        status.drift.extend(drift(&store, &mut firewall, seen.as_ref(), revision)?);
    } else if let (Phase::Test { .. }, Some(seen)) = (phase, &seen) {
        status.drift.extend(frame_drift(&store, seen, &Leads::new()));
    } else if matches!(phase, Phase::Off) && !notes.disabled && has_confirmed(&store) {
        status
            .drift
            .push("a revision was confirmed, and the kernel holds none: rolewall enable loads it".into());
    }
    status.tell_panic(&store, &mut firewall, seen.as_ref())?;
    Ok(status)
}

/// Without a plan, nothing can be said of its flows; that is no reason not to say where the host stands.
fn neighbours_of(host: &Host) -> Vec<String> {
    let plan = Inputs::read(host, Look::AsNeeded).and_then(|inputs| inputs.plan());
    match (plan, held::Held::live()) {
        (Ok(plan), Ok(held)) => neighbours(&plan, held),
        _ => Vec::new(),
    }
}

/// What `boot` loads where it cannot load the whole says so in its name.
fn is_fallback(held: &Held) -> bool {
    held.confirmed.values().any(|entry| entry.contains(&format!("-{FALLBACK}-")))
}

impl Status {
    /// Whether the kernel is closed as it was asked to be, and whom it lets in.
    fn tell_panic(
        &mut self,
        store: &Store,
        firewall: &mut Firewall,
        seen: Option<&Seen>,
    ) -> Result<(), Failure> {
        match store.panic() {
            Ok(Some(wanted)) => {
                self.admitted = admitted(&wanted).iter().map(ToString::to_string).collect();
                if self.panic {
                    self.drift.extend(firewall.panic_differences(seen, &wanted)?);
                } else {
                    self.drift.push("a panic was asked for, and the kernel is not closed: rolewall panic closes it, rolewall resume forgets it".into());
                }
            }
            Ok(None) if self.panic => self.drift.push(
                "this host is closed, and will not be after a reboot: rolewall panic again writes it down"
                    .into(),
            ),
            Ok(None) => {}
            Err(failure) => self.drift.push(failure.to_string()),
        }
        Ok(())
    }
}

fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Off | Phase::Expired { previous: None, .. } => "off",
        Phase::Test { .. } => "test",
        Phase::Confirmed { .. } | Phase::Expired { previous: Some(_), .. } => "confirmed",
    }
}

fn deadline_s(phase: Phase) -> Option<u64> {
    match phase {
        Phase::Test { remaining_ms, .. } => Some(remaining_ms.div_ceil(1000)),
        _ => None,
    }
}

fn previous(phase: Phase) -> Option<Revision> {
    match phase {
        Phase::Test { previous, .. } => previous,
        _ => None,
    }
}

fn remarks(phase: Phase) -> Vec<String> {
    match phase {
        Phase::Expired { candidate, .. } => {
            vec![format!(
                "the test of revision {candidate} ended unconfirmed; the next command clears its chains away"
            )]
        }
        _ => Vec::new(),
    }
}

/// A `disable` or an `enable` that was cut short: the notes say one thing, and the kernel another.
fn half_disabled(phase: Phase) -> Option<String> {
    let revision = phase.confirmed()?;
    Some(format!(
        "revision {revision} is in force, and a boot would load none: rolewall enable keeps it, rolewall disable takes it away"
    ))
}

fn has_confirmed(store: &Store) -> bool {
    store.artefact_revision(Stage::Confirmed).is_some()
}

/// What the kernel holds against what was confirmed.
fn drift(
    store: &Store,
    firewall: &mut Firewall,
    seen: Option<&Seen>,
    revision: Revision,
) -> Result<Vec<String>, Failure> {
    let Some(seen) = seen else { return Ok(Vec::new()) };
    let as_held = || frame_drift(store, seen, &seen.held.confirmed);
    let mut found = Vec::new();
    if is_fallback(&seen.held) {
        let reason =
            super::switch::confirmed(store).err().map_or(String::new(), |f| format!(": {}", f.what()));
        found.push(format!("revision {revision} could not be loaded at boot{reason}; its fallback is in force, which admits trusted networks, admin addresses and ssh alone: rolewall enable loads the revision once its file is whole, rolewall apply --final makes a new one"));
        found.extend(as_held());
        return Ok(found);
    }
    let confirmed = match super::switch::confirmed(store) {
        Ok(artefact) if artefact.revision == revision => artefact,
        Ok(artefact) => {
            found.push(format!(
                "the kernel leads to revision {revision}, and revision {} was confirmed",
                artefact.revision
            ));
            found.extend(as_held());
            return Ok(found);
        }
        Err(failure) => {
            found.push(failure.to_string());
            found.extend(as_held());
            return Ok(found);
        }
    };
    let wanted = confirmed.generation();
    found.extend(frame_drift(store, seen, &leads(&wanted)));
    let held = firewall.read_generation(seen, revision)?;
    found.extend(generation_differences(&held, &wanted));
    Ok(found)
}

/// What differs in the base chains, by the entries of the files; of a test whose file is gone, by its leads.
fn frame_drift(store: &Store, seen: &Seen, confirmed: &Leads) -> Vec<String> {
    let candidate = match seen.held.candidate_revision() {
        None => Leads::new(),
        tested => match store.artefact(Stage::Candidate) {
            Ok(Some(artefact)) if Some(artefact.revision) == tested => leads(&artefact.generation()),
            _ => seen.held.candidate.clone(),
        },
    };
    frame_differences(seen, confirmed, &candidate)
}

fn foreign_table(foreign: &Foreign) -> ForeignTable {
    ForeignTable {
        table: foreign.id.to_string(),
        filters: foreign.filters.iter().map(|h| rolewall_ruleset::text::hook(*h)).collect(),
        nat: foreign.has_nat,
        dormant: foreign.flags.dormant,
        owned: foreign.flags.owner,
    }
}

impl Status {
    /// 1 where what is held is not what was confirmed.
    pub(crate) fn exit_code(&self) -> u8 {
        u8::from(!self.drift.is_empty())
    }

    pub(crate) fn text(&self) -> String {
        let revision = self.revision.map(|r| format!(" revision {r}")).unwrap_or_default();
        let mut lines: Vec<String> = self.panic.then(|| self.panic_text()).into_iter().collect();
        lines.push(match (self.state, self.deadline_s) {
            ("test", Some(left)) => {
                let back =
                    self.previous_revision.map_or("no rules of ours".to_owned(), |p| format!("revision {p}"));
                format!("test:{revision} is in force for {left} s more, then the kernel returns to {back}")
            }
            ("off", _) if self.disabled => {
                "off: disabled; rolewall enable brings the last confirmed revision back".into()
            }
            ("off", _) => "off: no table of ours is in the kernel".into(),
            (state, _) if self.fallback => format!("{state}: the fallback of{revision} is in force"),
            (state, _) => format!("{state}:{revision} is in force"),
        });
        if self.amended > 0 {
            lines.push(format!("amended: {} times, by nodes that joined or left", self.amended));
        }
        lines.extend(self.notes.iter().map(|n| format!("note: {n}")));
        lines.extend(self.drift.iter().map(|d| format!("drift: {d}")));
        lines.extend(self.foreign.iter().map(ForeignTable::text));
        lines.extend(self.neighbours.iter().map(|n| format!("neighbour: {n}")));
        lines.join("\n") + "\n"
    }
}

impl Status {
    fn panic_text(&self) -> String {
        let besides = self.admitted.iter().map(|a| format!(", and ssh from {a}")).collect::<String>();
        format!(
            "panic: closed to all but admin and trusted networks{besides}; rolewall resume opens it to what is beneath:"
        )
    }
}

impl ForeignTable {
    fn text(&self) -> String {
        let hooks = if self.filters.is_empty() {
            "filters nothing".to_owned()
        } else {
            format!("filters {}", self.filters.join(", "))
        };
        let nat = if self.nat { ", translates addresses" } else { "" };
        let asleep = if self.dormant { ", asleep" } else { "" };
        let owned = if self.owned { ", owned by a process" } else { "" };
        format!("foreign: table {} {hooks}{nat}{asleep}{owned}", self.table)
    }
}
