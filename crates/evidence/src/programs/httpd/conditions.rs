//! Conditions that depend on the version of Apache, which no file says.
//! Source: mod_version in the documentation of Apache httpd 2.4.

/// Whether a section is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    Yes,
    No,
    Unknown,
}

/// `<IfVersion [!]operator version>`. Every Apache of today is a 2.4, of which patch level is not known.
pub(super) fn version(arguments: &[String]) -> Truth {
    let (operator, wanted) = match arguments {
        [wanted] => ("=", wanted.as_str()),
        [operator, wanted, ..] => (operator.as_str(), wanted.as_str()),
        [] => return Truth::Unknown,
    };
    let (is_not, operator) = operator.strip_prefix('!').map_or((false, operator), |o| (true, o));
    let Some(numbers) = numbers(wanted) else { return Truth::Unknown };
    let truth = compare(operator, numbers);
    match truth {
        Truth::Yes if is_not => Truth::No,
        Truth::No if is_not => Truth::Yes,
        truth => truth,
    }
}

/// `2.4.10` as (2, 4) and a patch level, which counts as 0 where it is not written.
fn numbers(version: &str) -> Option<((u32, u32), u32)> {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    let major = parts.next()??;
    let mut next = || parts.next().unwrap_or(Some(0));
    Some(((major, next()?), next()?))
}

fn compare(operator: &str, (branch, patch): ((u32, u32), u32)) -> Truth {
    let order = (2, 4).cmp(&branch);
    let of = |is| if is { Truth::Yes } else { Truth::No };
    match operator {
        ">=" if order.is_eq() && patch <= 1 => Truth::Yes,
        ">" if order.is_eq() && patch == 0 => Truth::Yes,
        "<" if order.is_eq() && patch <= 1 => Truth::No,
        "<=" | "=" | "==" if order.is_eq() && patch == 0 => Truth::No,
        _ if order.is_eq() => Truth::Unknown,
        ">" | ">=" => of(order.is_gt()),
        "<" | "<=" => of(order.is_lt()),
        "=" | "==" => Truth::No,
        _ => Truth::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_is_known_and_a_patch_level_is_not() {
        let of = |words: &[&str]| version(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&[">=", "2.4"]), Truth::Yes);
        assert_eq!(of(&["<", "2.4"]), Truth::No);
        assert_eq!(of(&["!<", "2.4"]), Truth::Yes);
        assert_eq!(of(&[">=", "2.5"]), Truth::No);
        assert_eq!(of(&["2.2.0"]), Truth::No);
        assert_eq!(of(&[">=", "2.4.50"]), Truth::Unknown);
        assert_eq!(of(&["~", "^2.4"]), Truth::Unknown);
    }
}
