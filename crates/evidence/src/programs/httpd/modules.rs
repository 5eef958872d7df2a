//! Which modules Apache has, as `<IfModule>` asks for them.
//! Source: "IfModule", "LoadModule" in the documentation of Apache httpd 2.4; `apache2 -l` of Debian and RHEL.

use std::collections::BTreeSet;

/// What is built into the binary of at least one of upstream's image, Debian and RHEL, and what sample files
/// ask for. MPMs are loaded everywhere.
const BUILT_IN: [(&str, &str); 8] = [
    ("core_module", "core.c"),
    ("http_module", "http_core.c"),
    ("so_module", "mod_so.c"),
    ("watchdog_module", "mod_watchdog.c"),
    ("log_config_module", "mod_log_config.c"),
    ("logio_module", "mod_logio.c"),
    ("version_module", "mod_version.c"),
    ("unixd_module", "mod_unixd.c"),
];

#[derive(Debug)]
pub(super) struct Modules(BTreeSet<String>);

impl Modules {
    pub(super) fn new() -> Modules {
        let both = BUILT_IN.iter().flat_map(|(identifier, file)| [*identifier, *file]);
        Modules(both.map(str::to_owned).collect())
    }

    /// `LoadModule identifier file`: both the identifier and the source file's name mean it from now on.
    pub(super) fn load(&mut self, identifier: &str, path: &str) {
        let stem = identifier.strip_suffix("_module").unwrap_or(identifier);
        // The MPMs' source files have names of their own.
        let source = match stem.strip_prefix("mpm_") {
            Some(name) => format!("{name}.c"),
            None => format!("mod_{stem}.c"),
        };
        let library = path.rsplit('/').next().and_then(|name| name.strip_suffix(".so"));
        self.0.insert(identifier.to_owned());
        self.0.insert(source);
        self.0.extend(library.filter(|name| !name.starts_with("mod_mpm_")).map(|name| format!("{name}.c")));
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}
