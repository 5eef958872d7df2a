//! Roles of several files made one catalogue.
//! Not here: one file by itself.

use super::check::is_reserved;
use super::parse::{Draft, Reference, Referrer, parse};
use super::{Catalogue, RoleName, Who};
use crate::problem::{Gather, Text};
use crate::read::{Span, nearest, quote};
use crate::{Problems, Source};

impl Catalogue {
    /// The project's own roles with those of an operator's directory, which is usually empty.
    pub fn built_in_with(files: &[Source]) -> Result<Catalogue, Problems> {
        merge(Catalogue::built_in_but, files)
    }

    /// This catalogue with an operator's role files: a file whose role is known replaces it whole, another
    /// adds a role. All that is wrong with the files comes at once.
    pub fn with_overrides(&self, files: &[Source]) -> Result<Catalogue, Problems> {
        merge(|_| self.clone(), files)
    }
}

/// Adds the roles of files to a base, which is asked for once it is known which of its roles they replace.
pub(super) fn merge(
    base: impl FnOnce(&[&RoleName]) -> Catalogue,
    files: &[Source],
) -> Result<Catalogue, Problems> {
    let texts: Vec<Text<'_>> = files.iter().map(Text::new).collect();
    let mut gather = Gather::default();
    let drafts: Vec<(Draft, &Text<'_>)> =
        texts.iter().filter_map(|text| Some((parse(text, &mut gather)?, text))).collect();
    let replaced: Vec<&RoleName> = drafts.iter().map(|(draft, _)| &draft.role.name).collect();
    let mut merging = Merging { catalogue: base(&replaced), gather };
    merging.add(&drafts);
    for (draft, text) in &drafts {
        merging.names(draft, text);
        merging.services(draft, text);
        for reference in &draft.references {
            merging.resolve(draft, reference, text);
        }
    }
    let Merging { catalogue, gather } = merging;
    gather.or(catalogue)
}

struct Merging {
    catalogue: Catalogue,
    gather: Gather,
}

impl Merging {
    fn add(&mut self, drafts: &[(Draft, &Text<'_>)]) {
        for (later, (draft, text)) in drafts.iter().enumerate() {
            let name = &draft.role.name;
            let twice = drafts[..later].iter().find(|(earlier, _)| earlier.role.name == *name);
            if let Some((earlier, earlier_text)) = twice {
                let first = earlier_text.place(earlier.name.start);
                let what = format!("role `{name}` is in two files, the other at {first}");
                self.wrong(text, &draft.name, what, "keep one of the two files");
                continue;
            }
            self.catalogue.roles.insert(name.clone(), draft.role.clone());
        }
    }

    fn wrong(&mut self, text: &Text<'_>, at: &Span, what: String, help: &str) {
        self.gather.add(|| text.problem(at.clone(), what, help));
    }

    /// No name may mean two roles.
    fn names(&mut self, draft: &Draft, text: &Text<'_>) {
        let own = &draft.role.name;
        let aliases = draft.role.aliases.iter().zip(&draft.aliases);
        for (name, at) in std::iter::once((&own.0, &draft.name)).chain(aliases) {
            if is_reserved(name) {
                self.wrong(
                    text,
                    at,
                    format!("`{name}` is no name for a role: it means something else already"),
                    "choose another",
                );
            }
            let others = self.catalogue.roles.values().filter(|r| r.name != *own);
            let taken = others.into_iter().find(|r| r.name.0 == **name || r.aliases.contains(name));
            if let Some(other) = taken.map(|r| r.name.clone()) {
                self.wrong(text, at, format!("`{name}` already means role `{other}`"), "choose another name");
            }
        }
    }

    /// Limits and their counters go by a service's name, so none is in two roles, nor is another role's.
    fn services(&mut self, draft: &Draft, text: &Text<'_>) {
        let own = &draft.role.name;
        let names: Vec<&str> = draft.role.services.iter().map(|s| s.name.as_str()).collect();
        for (position, (&name, at)) in names.iter().zip(&draft.services).enumerate() {
            if names[..position].contains(&name) {
                let what = format!("two services of role `{own}` are called `{name}`");
                self.wrong(text, at, what, "give one of them another name");
            } else if let Some(what) = self.taken(name, own) {
                self.wrong(text, at, what, &format!("for example {own}-{name}"));
            }
        }
    }

    /// What a service's name means already, in another role than its own.
    fn taken(&self, name: &str, own: &RoleName) -> Option<String> {
        let mut services = self.catalogue.services().filter(|(role, _)| role.name != *own);
        if let Some((role, _)) = services.find(|(_, service)| service.name == name) {
            return Some(format!("a service of role `{}` is called `{name}` already", role.name));
        }
        let role = self.catalogue.resolve(name).filter(|role| role.name != *own)?;
        Some(format!("`{name}` already means role `{}`", role.name))
    }

    /// A role that is named has to exist, and is written by its own name from then on.
    fn resolve(&mut self, draft: &Draft, reference: &Reference, text: &Text<'_>) {
        let Reference { at, name, of } = reference;
        if let Some(meant) = self.catalogue.resolve(name).map(|r| r.name.clone()) {
            if let Some(who) = self.referrer(&draft.role.name, *of) {
                *who = Who::Role(meant);
            }
            return;
        }
        let help = match nearest(name, self.catalogue.names()) {
            Some(near) => format!("did you mean \"role:{near}\"?"),
            None => "add a file for that role, or name one that there is".into(),
        };
        self.wrong(text, at, format!("unknown role {}", quote(name)), &help);
    }

    fn referrer(&mut self, role: &RoleName, of: Referrer) -> Option<&mut Who> {
        let role = self.catalogue.roles.get_mut(role)?;
        match of {
            Referrer::Client { service, client } => {
                Some(&mut role.services.get_mut(service)?.clients.get_mut(client)?.who)
            }
            Referrer::Need(need) => Some(&mut role.needs.get_mut(need)?.to),
        }
    }
}
