//! The project's own role files, compiled in.
//! Not here: their format ([`super`]), and an operator's files.

use super::parse::parse;
use super::{Catalogue, RoleName};
use crate::Source;
use crate::problem::{Gather, Text};

/// A role file: the role's name, where the file is, and what it says.
type RoleFile = (&'static str, &'static str, &'static str);

/// One role a file, by name.
macro_rules! role_files {
    ($($name:literal)*) => {
        [$((
            $name,
            concat!("roles/", $name, ".toml"),
            include_str!(concat!("../../../../roles/", $name, ".toml")),
        )),*]
    };
}

const FILES: [RoleFile; 12] =
    role_files!["dd" "es" "ic" "jabber" "node" "pbx" "queue" "s3" "sip" "sql" "web" "worker"];

impl Catalogue {
    /// The project's roles: those of a voice cluster, and `node`, which every node has.
    pub fn built_in() -> Catalogue {
        Catalogue::built_in_but(&[])
    }

    /// Whether a word is the name, not an alias, of one of the project's roles. For this no file is read.
    pub fn is_built_in(name: &str) -> bool {
        FILES.iter().any(|(own, ..)| *own == name)
    }

    /// The project's roles but these, whose files are not read: at each start that costs more than most.
    ///
    /// # Panics
    /// If a file that was compiled in is wrong: then every test of this crate fails.
    pub(super) fn built_in_but(replaced: &[&RoleName]) -> Catalogue {
        let mut gather = Gather::default();
        let mut catalogue = Catalogue::default();
        for (_, path, text) in FILES.iter().filter(|(name, ..)| replaced.iter().all(|r| r.0 != *name)) {
            let file = Source::new(*path, *text);
            let role = parse(&Text::new(&file), &mut gather).map(|draft| draft.role);
            catalogue.roles.extend(role.map(|role| (role.name.clone(), role)));
        }
        match gather.or(catalogue) {
            Ok(catalogue) => catalogue,
            Err(problems) => panic!("the roles that are compiled in are wrong:\n{problems}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::merge::merge;

    #[test]
    fn the_files_that_are_compiled_in_agree_with_each_other_and_name_roles_by_their_own_names() {
        let files = FILES.map(|(_, path, text)| Source::new(path, text));
        assert_eq!(merge(|_| Catalogue::default(), &files), Ok(Catalogue::built_in()));
    }

    #[test]
    fn each_file_that_is_compiled_in_is_called_as_its_role() {
        let names: Vec<String> = Catalogue::built_in().roles.into_keys().map(|name| name.0).collect();
        assert_eq!(names, FILES.map(|(name, ..)| name.to_owned()));
        assert!(names.iter().all(|name| Catalogue::is_built_in(name)) && !Catalogue::is_built_in("xmpp"));
    }

    #[test]
    fn a_role_that_is_replaced_is_as_if_its_file_had_been_read_before() {
        let mine =
            "[role]\nname = \"ic\"\ntitle = \"Mine\"\npublic = \"never\"\naliases = [\"controller\"]\n";
        let files = [Source::new("roles.d/mine.toml", mine)];
        let expected = Catalogue::built_in().with_overrides(&files);
        assert!(expected.is_ok());
        assert_eq!(Catalogue::built_in_with(&files), expected);
    }
}
