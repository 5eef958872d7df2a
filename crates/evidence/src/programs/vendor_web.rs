//! The vendor's own web server, whose files are in nginx's syntax or in lighttpd's by its version, under names
//! that differ as well.
//! Not here: what the files say, which each syntax's own module reads.

use crate::reading::Reading;
use crate::text::{Place, Text};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Where they are: all of one folder, and one file of the web interface that it serves.
const PLACES: [&str; 2] = ["/usr/local/httpsa/conf/*.conf", "/usr/local/voipnow/admin/conf/voipnow.conf"];

/// What a file is in one of the syntaxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// A server is started with it.
    Main,
    /// A main file includes it.
    Piece,
}

/// Reads the files of one syntax, main files first; each file once, whoever includes it. `read` gives the
/// paths of all files that it has read.
pub(super) fn read(
    reading: &mut Reading<'_>,
    part: impl Fn(&Text) -> Option<Part>,
    mut read: impl FnMut(&mut Reading<'_>, &Arc<Text>, Part) -> BTreeSet<String>,
) {
    let mut texts = Vec::new();
    for pattern in PLACES {
        for path in reading.expand(pattern, &Place::file(pattern)) {
            texts.extend(reading.open(&path).and_then(|text| Some((part(&text)?, text))));
        }
    }
    texts.sort_by_key(|(part, _)| *part);
    let has_main = texts.iter().any(|(part, _)| *part == Part::Main);
    let mut known = BTreeSet::new();
    for (part, text) in texts {
        if known.contains(text.path()) {
            continue;
        }
        if part == Part::Piece && has_main {
            reading.trouble(&text.whole(), "not read: no main file of the web server includes it");
        } else {
            known.extend(read(reading, &text, part));
        }
    }
}
