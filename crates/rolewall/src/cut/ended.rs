//! What a cut did, and how it is told.
//! Not here: doing it.

use crate::failure::Failure;
use crate::live::LiveFlow;
use serde::Serialize;
use std::fmt;

/// What was ended and what was left.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// Flows whose entries were deleted, in order.
    pub(crate) flows: Vec<LiveFlow>,
    /// TCP sockets of theirs that were closed.
    pub(crate) sockets: usize,
    /// Of the flows, those that begin again if this host itself sends to the peer.
    pub(crate) returning: usize,
    /// The operator's own, which the ruleset denies too.
    pub(crate) own: Vec<LiveFlow>,
    /// Those of which the ruleset does not tell for certain.
    pub(crate) in_doubt: Vec<LiveFlow>,
    /// What was in the way, in the words of the first time.
    trouble: Option<String>,
}

/// Flows that are named; the rest is counted.
const NAMED_MAX: usize = 3;

impl Ended {
    /// Nothing could be found out.
    pub(crate) fn not_tried(failure: Failure) -> Ended {
        Ended { trouble: Some(failure.what().to_owned()), ..Ended::default() }
    }

    pub(super) fn trouble(&mut self, error: &impl fmt::Display) {
        self.trouble.get_or_insert_with(|| error.to_string());
    }

    /// For standard error: a line for what was cut, and one for each thing that the operator should know.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if !self.flows.is_empty() {
            let (noun, verb) = if self.flows.len() == 1 { ("flow", "is") } else { ("flows", "are") };
            let closed = match self.sockets {
                0 => String::new(),
                1 => ", and closed 1 socket".to_owned(),
                n => format!(", and closed {n} sockets"),
            };
            let count = self.flows.len();
            text += &format!(
                "cut {count} {noun} that {verb} no longer allowed{closed}: {}\n",
                some_named(&self.flows)
            );
        }
        if self.returning > 0 {
            let verb = if self.returning == 1 { "begins" } else { "begin" };
            let why = "if this host itself sends: what goes out is not refused";
            text += &format!("warning: {} of them {verb} again {why}\n", self.returning);
        }
        if !self.own.is_empty() {
            let own = some_named(&self.own);
            text += &format!("warning: your own session is no longer allowed, and was left: {own}\n");
        }
        if !self.in_doubt.is_empty() {
            let (count, named) = (self.in_doubt.len(), some_named(&self.in_doubt));
            text += &format!("note: left {count} that may no longer be allowed: {named}\n");
        }
        if let Some(trouble) = &self.trouble {
            text += &format!("warning: not everything could be cut: {trouble}\n");
        }
        text
    }
}

fn some_named(flows: &[LiveFlow]) -> String {
    let named: Vec<String> = flows.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    match flows.len().saturating_sub(NAMED_MAX) {
        0 => named.join(", "),
        more => format!("{}, and {more} more", named.join(", ")),
    }
}

/// The same, as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct EndedDocument {
    flows: Vec<String>,
    sockets: usize,
    returning: usize,
    own_session: Vec<String>,
    in_doubt: Vec<String>,
    trouble: Option<String>,
}

impl EndedDocument {
    pub(crate) fn of(ended: &Ended) -> EndedDocument {
        let Ended { flows, sockets, returning, own, in_doubt, trouble } = ended;
        let words = |flows: &[LiveFlow]| flows.iter().map(ToString::to_string).collect();
        EndedDocument {
            flows: words(flows),
            sockets: *sockets,
            returning: *returning,
            own_session: words(own),
            in_doubt: words(in_doubt),
            trouble: trouble.clone(),
        }
    }
}
