//! Our numbered candidates.
//! Not here: the kernel's own generation counter.

use std::fmt;

/// A number that only grows. It stands in the name of every chain and set of its generation, so that
/// what the kernel holds says itself what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u32);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Revision {
    /// What the names of its chains and sets begin with, before a dash: `r7`.
    pub fn prefix(self) -> String {
        format!("r{}", self.0)
    }

    /// The revision whose chain or set has this name; none if it belongs to no generation.
    pub fn of_name(name: &str) -> Option<Revision> {
        let (number, _) = name.strip_prefix('r')?.split_once('-')?;
        number.parse().ok().map(Revision)
    }

    /// The one after it.
    pub fn next(self) -> Revision {
        Revision(self.0.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_revision() {
        assert_eq!(Revision::of_name("r7-in"), Some(Revision(7)));
        assert_eq!(Revision::of_name("armed"), None);
        assert_eq!(Revision::of_name("rx-in"), None);
        assert_eq!(Revision(7).prefix(), "r7");
    }
}
