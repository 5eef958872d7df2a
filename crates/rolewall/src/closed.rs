//! A closed host in the kernel: what is held of it, and refusing what makes no sense in it.
//! Not here: closing and opening it (`panic` and `resume`), and its files ([`crate::state::closed`]).

use crate::failure::{Failure, Kind};
use crate::firewall::{Firewall, Seen, frame_differences, generation_differences, leads};
use crate::state::Store;
use crate::state::artefact::panic_in;
use rolewall_control::Held;
use rolewall_ruleset::{Generation, text};

/// Refuses a command that would change or judge what nobody can see while the host is closed.
pub(crate) fn refuse(store: &Store, held: Option<&Held>, command: &str) -> Result<(), Failure> {
    if !store.has_panic() && !held.is_some_and(Held::is_closed) {
        return Ok(());
    }
    Err(Failure::input(format_args!("this host is in panic: {command} waits until it is resumed"))
        .help("nothing was changed; rolewall resume opens the host to what was in force, then try again"))
}

impl Firewall {
    /// Refuses to believe that the host is closed before the readback shows it, on every hook.
    pub(crate) fn verify_panic(&mut self, wanted: &Generation) -> Result<Seen, Failure> {
        let seen = self.look()?;
        let differences = self.panic_differences(seen.as_ref(), wanted)?;
        match seen {
            Some(seen) if differences.is_empty() => Ok(seen),
            _ => Err(Failure::new(
                Kind::Refused,
                format_args!(
                    "the host was closed and the kernel holds something else:\n  {}",
                    differences.join("\n  ")
                ),
            )
            .help("rolewall panic again, or take the host off the network")),
        }
    }

    /// In words, what differs of the chains that close the host, and of the way to them.
    pub(crate) fn panic_differences(
        &mut self,
        seen: Option<&Seen>,
        wanted: &Generation,
    ) -> Result<Vec<String>, Failure> {
        let Some((seen, mut held)) = seen.and_then(|seen| Some((seen, panic_in(&seen.outline)?))) else {
            return Ok(vec!["packets are not led to what closes the host".to_owned()]);
        };
        self.nft.fill(&self.id, &mut held.parts.sets)?;
        let mut found = generation_differences(&held, wanted);
        let open = leads(wanted).into_iter().filter(|(hook, entry)| seen.held.panic.get(hook) != Some(entry));
        found.extend(open.map(|(hook, entry)| format!("chain {}: no lead to {entry}", text::hook(hook))));
        found.extend(frame_differences(seen, &seen.held.confirmed, &seen.held.candidate));
        Ok(found)
    }
}
