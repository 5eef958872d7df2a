//! What the settings of one server come to: the last of each name, as its type.
//! Source: MySQL's manual, "Program Option Modifiers"; measured on MariaDB 10.11.

use super::options::Setting;
use crate::reading::Reading;

/// The settings of one server, in the order in which they count.
pub(super) struct Values<'o>(pub(super) Vec<&'o Setting>);

impl<'o> Values<'o> {
    /// The setting of that name that counts.
    pub(super) fn last(&self, key: &str) -> Option<&'o Setting> {
        self.0.iter().rev().find(|setting| setting.key == key).copied()
    }

    /// The same where it has a value.
    pub(super) fn text(&self, key: &str) -> Option<&'o Setting> {
        self.last(key).filter(|setting| !setting.value().is_empty())
    }

    /// A switch, and the setting that says so: `key`, `key=ON`, `skip-key`, `disable-key`, `enable-key`.
    pub(super) fn switch(&self, key: &str) -> Option<(bool, &'o Setting)> {
        let said = |setting: &&'o Setting| switched(&setting.key, setting.value.as_deref(), key);
        self.0.iter().rev().find_map(|setting| said(setting).map(|on| (on, *setting)))
    }
}

fn switched(given: &str, value: Option<&str>, key: &str) -> Option<bool> {
    if given == key {
        return Some(value.is_none_or(is_on));
    }
    match given.strip_suffix(key)? {
        "skip_" | "disable_" => Some(false),
        "enable_" => Some(true),
        _ => None,
    }
}

/// What is no truth value turns a switch off.
fn is_on(value: &str) -> bool {
    ["1", "on", "true", "force", "force_plus_permanent"].contains(&value.to_ascii_lowercase().as_str())
}

/// A port: none where the default counts, `Err` where it is not known here.
pub(super) fn port(reading: &mut Reading<'_>, setting: Option<&Setting>) -> Result<Option<u16>, Unknown> {
    let Some(setting) = setting else { return Ok(None) };
    let value = setting.value();
    match number(value) {
        Some(0) => Ok(None),
        Some(number) => Ok(Some(u16::try_from(number).unwrap_or(u16::MAX))),
        None if value.is_empty() => Ok(None),
        None => {
            reading.unresolved(format!("the port {value:?}"), &setting.place);
            Err(Unknown)
        }
    }
}

/// A value that has been said to be unresolved.
#[derive(Debug)]
pub(super) struct Unknown;

/// Digits and a suffix; what is too large for a port is the largest one.
fn number(value: &str) -> Option<u64> {
    let (digits, factor) = match value.to_ascii_lowercase() {
        v if v.ends_with('k') => (v.len() - 1, 1 << 10),
        v if v.ends_with('m') => (v.len() - 1, 1 << 20),
        v => (v.len(), 1),
    };
    let digits = value.get(..digits)?;
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(factor))
}
