//! `#!ifdef` and its relatives that are open, and whether all of them hold.
//! Not here: whether one holds.

use crate::reading::Reading;
use crate::text::Text;
use std::sync::Arc;

/// The conditions that are open.
#[derive(Default)]
pub(super) struct Conditions {
    open: Vec<(bool, Arc<Text>, u32)>,
    failed: usize,
}

impl Conditions {
    pub(super) fn is_skipping(&self) -> bool {
        self.failed > 0
    }

    pub(super) fn open(&mut self, holds: bool, file: &Arc<Text>, line: u32) {
        self.failed += usize::from(!holds);
        self.open.push((holds, file.clone(), line));
    }

    pub(super) fn otherwise(&mut self) -> bool {
        let Some((holds, _, _)) = self.open.last_mut() else { return false };
        *holds = !*holds;
        self.failed = if *holds { self.failed.saturating_sub(1) } else { self.failed + 1 };
        true
    }

    pub(super) fn close(&mut self) -> bool {
        let Some((holds, _, _)) = self.open.pop() else { return false };
        self.failed = self.failed.saturating_sub(usize::from(!holds));
        true
    }

    /// Kamailio does not start where one is left open.
    pub(super) fn end(&mut self, reading: &mut Reading<'_>) {
        for (_, file, line) in self.open.drain(..).take(10) {
            reading.trouble(&file.place(line), "the condition has no #!endif: Kamailio would not start");
        }
    }
}
