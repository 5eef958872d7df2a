//! Statements that need no context: verdicts, counters, limits, logs.
//! Not here: `reject`, whose words depend on the headers that a rule has established ([`super::rule`]).

use super::names::{self, name_of};
use crate::expr::LimitKind;
use crate::program::unit_of_seconds;
use crate::{Expr, Verdict};
use std::borrow::Cow;

/// Whether a counter's figures are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Figures {
    Shown,
    Hidden,
}

/// The words of a statement. None if it has none, or not without context.
pub(super) fn phrase(expr: &Expr, figures: Figures) -> Option<String> {
    match expr {
        Expr::Verdict(Verdict::Other(_)) => None,
        Expr::Verdict(taken) => Some(verdict(taken)),
        Expr::Counter { packets, bytes } => Some(match figures {
            Figures::Shown => format!("counter packets {packets} bytes {bytes}"),
            Figures::Hidden => "counter".to_owned(),
        }),
        Expr::Limit { rate, per_s, burst, kind, invert } => {
            let over = if *invert { "over " } else { "" };
            let (rate, burst) = match kind {
                LimitKind::Packets => (rate.to_string(), packets_burst(*burst)),
                LimitKind::Bytes => (in_bytes(*rate), bytes_burst(*burst)),
            };
            Some(format!("limit rate {over}{rate}/{}{burst}", unit_of_seconds(*per_s)?))
        }
        Expr::Log { .. } => log(expr),
        Expr::Notrack => Some("notrack".to_owned()),
        _ => None,
    }
}

/// A verdict's words.
pub(super) fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Accept => "accept".to_owned(),
        Verdict::Drop => "drop".to_owned(),
        Verdict::Continue => "continue".to_owned(),
        Verdict::Return => "return".to_owned(),
        Verdict::Jump(chain) => format!("jump {}", shown(chain)),
        Verdict::Goto(chain) => format!("goto {}", shown(chain)),
        Verdict::Other(code) => format!("verdict {code}"),
    }
}

/// A text in quotes. nft has no way to write a quote within.
pub(super) fn quoted(text: &str) -> Option<String> {
    (!text.contains(['"', '\n'])).then(|| format!("\"{}\"", shown(text)))
}

/// A name or a comment as it may be shown: anybody may have written it, and it must neither steer the terminal nor
/// end the line. nft takes no such name; such a comment is told with U+FFFD in it.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    text.chars().map(|c| if steers(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Controls but the tab, and the marks that turn the direction of writing.
fn steers(c: char) -> bool {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || c.is_control() && c != '\t'
}

/// Five packets is Linux's default, and not told.
fn packets_burst(burst: u32) -> String {
    if burst == 5 || burst == 0 { String::new() } else { format!(" burst {burst} packets") }
}

fn bytes_burst(burst: u32) -> String {
    if burst == 0 { String::new() } else { format!(" burst {}", in_bytes(burst.into())) }
}

/// Bytes in the largest unit that divides them.
fn in_bytes(bytes: u64) -> String {
    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;
    match bytes {
        0 => "0 bytes".to_owned(),
        n if n % MIB == 0 => format!("{} mbytes", n / MIB),
        n if n % KIB == 0 => format!("{} kbytes", n / KIB),
        n => format!("{n} bytes"),
    }
}

fn log(expr: &Expr) -> Option<String> {
    let Expr::Log { prefix, group, snaplen, queue_threshold, level, flags } = expr else { return None };
    let mut words = vec!["log".to_owned()];
    if let Some(prefix) = prefix {
        words.push(format!("prefix {}", quoted(prefix)?));
    }
    if let Some(group) = group {
        words.push(format!("group {group}"));
        words.extend(snaplen.map(|bytes| format!("snaplen {bytes}")));
        words.extend(queue_threshold.filter(|n| *n > 0).map(|packets| format!("queue-threshold {packets}")));
    } else if let Some(level) = level.filter(|level| *level != 4) {
        words.push(format!("level {}", name_of(names::LOG_LEVEL, level)?));
    }
    words.extend(log_flags(flags.unwrap_or(0))?);
    Some(words.join(" "))
}

/// Flags of the kernel log (`NF_LOG_*` of `nf_log.h`); all of them together have a word.
fn log_flags(flags: u32) -> Option<Option<String>> {
    const ALL: u32 = 0x2f;
    let tcp = ["", "flags tcp sequence", "flags tcp options", "flags tcp sequence,options"];
    let words = [
        tcp[usize::try_from(flags & 3).ok()?],
        if flags & 4 != 0 { "flags ip options" } else { "" },
        if flags & 8 != 0 { "flags skuid" } else { "" },
        if flags & 32 != 0 { "flags ether" } else { "" },
    ];
    match flags {
        0 => Some(None),
        ALL => Some(Some("flags all".to_owned())),
        _ if flags & !ALL != 0 => None,
        _ => Some(Some(words.into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" "))),
    }
}
