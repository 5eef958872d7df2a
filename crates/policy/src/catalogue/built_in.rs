//! The project's own role files, compiled in.
//! Not here: their format ([`super`]), and an operator's files.

use super::{Catalogue, merge};
use crate::Source;

/// One role a file, by name.
macro_rules! role_files {
    ($($name:literal)*) => {
        [$((concat!("roles/", $name, ".toml"), include_str!(concat!("../../../../roles/", $name, ".toml")))),*]
    };
}

const FILES: [(&str, &str); 12] =
    role_files!["dd" "es" "ic" "jabber" "node" "pbx" "queue" "s3" "sip" "sql" "web" "worker"];

impl Catalogue {
    /// The project's roles: those of a voice cluster, and `node`, which every node has.
    ///
    /// # Panics
    /// If a file that was compiled in is wrong: then every test of this crate fails.
    pub fn built_in() -> Catalogue {
        let files = FILES.map(|(path, text)| Source::new(path, text));
        match merge::merge(Catalogue::default(), &files) {
            Ok(catalogue) => catalogue,
            Err(problems) => panic!("the roles that are compiled in are wrong:\n{problems}"),
        }
    }
}
