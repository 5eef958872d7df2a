//! Links that are coming up: when packets go through them.
//! Not here: making them.
//!
//! A link that is up has its carrier at once, but Linux takes note of the carrier in the background
//! (net/core/link_watch.c), late if the machine is busy with links elsewhere; only then does a bridge
//! forward, and IPv6 use the link. `ip link show` says `state UP` when that is done.

use crate::ip::{self, IpError};
use rolewall_kernel::NetNs;
use std::time::{Duration, Instant};

/// How long links may take: the background work waits for a lock that other namespaces' ends hold too.
const UP_WITHIN: Duration = Duration::from_secs(20);

/// How often they are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Links of one namespace.
pub(crate) struct Links<'n> {
    place: String,
    namespace: &'n NetNs,
    names: Vec<&'n str>,
}

/// Why links did not come up.
#[derive(Debug, thiserror::Error)]
pub enum LinksError {
    /// They could not be looked at.
    #[error(transparent)]
    Ip(#[from] IpError),
    /// They took too long.
    #[error("{place}: after {within:?} not up: {}", .names.join(", "))]
    Late {
        /// Whose they are.
        place: String,
        /// Their names.
        names: Vec<String>,
        /// How long they were given.
        within: Duration,
    },
}

impl<'n> Links<'n> {
    pub(crate) fn new(
        place: String,
        namespace: &'n NetNs,
        names: impl Iterator<Item = &'n str>,
    ) -> Links<'n> {
        Links { place, namespace, names: names.collect() }
    }

    fn look(&self) -> Result<ip::Batch, IpError> {
        let script = self.names.iter().map(|name| format!("link show dev {name}\n")).collect();
        ip::start(self.place.clone(), self.namespace, script)
    }

    /// Keeps those that `shown`, a line for each in order, does not say to be up.
    fn keep_down(&mut self, shown: &str) {
        let mut up = shown.lines().map(|line| line.contains(" state UP "));
        self.names.retain(|_| !up.next().unwrap_or(false));
    }
}

/// Waits until all links are up.
pub(crate) fn await_up(mut waiting: Vec<Links<'_>>) -> Result<(), LinksError> {
    let deadline = Instant::now() + UP_WITHIN;
    loop {
        waiting.retain(|links| !links.names.is_empty());
        let Some(late) = waiting.first() else { return Ok(()) };
        if Instant::now() >= deadline {
            let names = late.names.iter().map(|name| (*name).to_owned()).collect();
            return Err(LinksError::Late { place: late.place.clone(), names, within: UP_WITHIN });
        }
        let looks = waiting.iter().map(Links::look).collect::<Result<_, _>>()?;
        let shown = ip::finish_all(looks)?;
        waiting.iter_mut().zip(shown).for_each(|(links, shown)| links.keep_down(&shown));
        if waiting.iter().any(|links| !links.names.is_empty()) {
            std::thread::sleep(LOOK_EVERY);
        }
    }
}
