//! How long test mode lasts, as people write it: `10m`, `90s`, `1h30m`.
//! Not here: when it began.

use crate::read::quote;
use std::time::Duration;

/// The vendor's first generation waited this long.
pub const DEFAULT: Duration = Duration::from_secs(600);
/// Shorter, nobody could confirm in time.
pub const MIN: Duration = Duration::from_secs(10);
/// Longer is no test.
pub const MAX: Duration = Duration::from_secs(24 * 3600);

/// Why a text is no test window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// Not numbers with units.
    #[error("{} is no duration: expected numbers with their units s, m or h", quote(.0))]
    NotADuration(String),
    /// Shorter than [`MIN`] or longer than [`MAX`].
    #[error("a test window of {} is not possible: expected 10s to 24h", quote(.0))]
    OutOfBounds(String),
}

impl WindowError {
    /// What to write instead.
    pub fn help(&self) -> String {
        match self {
            WindowError::NotADuration(written) if written.parse::<u64>().is_ok() => {
                format!("for seconds write {written}s")
            }
            WindowError::NotADuration(_) | WindowError::OutOfBounds(_) => {
                "for example 10m, 90s or 1h30m".into()
            }
        }
    }
}

/// Reads a test window.
pub fn parse(text: &str) -> Result<Duration, WindowError> {
    let total = seconds(text).ok_or_else(|| WindowError::NotADuration(text.to_owned()))?;
    let window = total.map(Duration::from_secs).filter(|window| (MIN..=MAX).contains(window));
    window.ok_or_else(|| WindowError::OutOfBounds(text.to_owned()))
}

/// None: no duration. None inside: one that no number of ours holds.
fn seconds(text: &str) -> Option<Option<u64>> {
    let mut total = Some(0u64);
    let mut rest = text;
    // Each unit at most once, the larger before the smaller.
    for (unit, unit_s) in [('h', 3600u64), ('m', 60), ('s', 1)] {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let Some(after) = rest[digits..].strip_prefix(unit).filter(|_| digits > 0) else { continue };
        let number: Option<u64> = rest[..digits].parse().ok();
        total = total.and_then(|sum| sum.checked_add(number?.checked_mul(unit_s)?));
        rest = after;
    }
    (rest.is_empty() && !text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        for (text, seconds) in
            [("10m", 600), ("90s", 90), ("1h30m", 5400), ("24h", 86400), ("1h1m1s", 3661), ("010s", 10)]
        {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "10", "m", "10 m", "10m5h", "10m10m", "-10m", "1.5h", "1d", "10M"] {
            assert_eq!(parse(text), Err(WindowError::NotADuration(text.into())));
        }
        assert_eq!(parse("600").unwrap_err().help(), "for seconds write 600s");
    }

    #[test]
    fn the_bounds_are_inclusive() {
        for text in ["9s", "0s", "24h1s", "99999999999999999999999h", "18446744073709551615h"] {
            assert_eq!(parse(text), Err(WindowError::OutOfBounds(text.into())));
        }
        assert!(parse("10s").is_ok());
    }
}
