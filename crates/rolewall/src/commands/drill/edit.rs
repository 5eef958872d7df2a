//! One key of a TOML file given another value, as a hand in an editor does: the rest stays as it is.
//! Not here: reading TOML (crate `policy`).

use crate::failure::{Failure, Kind};

/// The text with `key` of `[section]` set to `value`, on its one line.
pub(super) fn with_value(text: &str, section: &str, key: &str, value: &str) -> Result<String, Failure> {
    let header = format!("[{section}]");
    let mut is_inside = false;
    let mut found = 0;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            is_inside = line.trim_end() == header;
        }
        if is_inside && line.split_once('=').is_some_and(|(name, _)| name.trim() == key) {
            found += 1;
            lines.push(format!("{key} = {value}"));
        } else {
            lines.push(line.to_owned());
        }
    }
    if found == 1 {
        return Ok(lines.join("\n") + "\n");
    }
    Err(Failure::new(Kind::Bug, format_args!("the example has {found} lines \"{key} = \" in {header}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[a]\nnetworks = [1] # one\n[b]\nnetworks = [2]\nnetworks_more = [3]\n";

    #[test]
    fn only_the_key_of_the_section_is_changed() {
        let edited = with_value(TEXT, "b", "networks", "[9]").map_err(|failure| failure.to_string());
        assert_eq!(
            edited.as_deref(),
            Ok("[a]\nnetworks = [1] # one\n[b]\nnetworks = [9]\nnetworks_more = [3]\n")
        );
    }

    #[test]
    fn a_key_that_is_not_there_is_our_bug() {
        assert!(with_value(TEXT, "a", "other", "[]").is_err_and(|failure| failure.kind == Kind::Bug));
    }
}
