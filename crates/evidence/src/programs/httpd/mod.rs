//! Apache httpd: what `Listen` opens, and where TLS is spoken.
//! Source: the documentation of Apache httpd 2.4: mpm_common (Listen), core (Include, Define, IfModule, IfDefine,
//! IfFile, VirtualHost), mod_ssl (SSLEngine), mod_macro, mod_version.

mod conditions;
mod lines;
mod macros;
mod modules;
mod sections;
mod sockets;

use super::{Program, beside, template};
use crate::reading::{Absent, Reading};
use crate::text::{Place, Text, join, parent};
use macros::Macro;
use modules::Modules;
use sections::{OUTSIDE, Section};
use sockets::Sockets;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) const PROGRAM: Program =
    Program { name: "httpd", aliases: &["apache", "apache2"], processes: &["apache2", "httpd"], read };

/// Debian's, RHEL's, upstream's, SUSE's and Alpine's, cPanel's, Bitnami's.
const USUAL: [&str; 7] = [
    "/etc/apache2/apache2.conf",
    "/etc/httpd/conf/httpd.conf",
    "/usr/local/apache2/conf/httpd.conf",
    "/etc/apache2/httpd.conf",
    "/usr/local/apache/conf/httpd.conf",
    "/opt/bitnami/apache/conf/httpd.conf",
    "/opt/bitnami/apache2/conf/httpd.conf",
];
/// The vendor's web server in its older form, which may run beside the system's.
const VENDOR: &str = "/usr/local/httpsa/conf/httpd.conf";
/// Bytes of macros' lines that are worked on, as often as they are used, and of what variables add to lines.
const WORK_MAX: usize = 8 << 20;
/// What a line costs besides its bytes.
const LINE_WORK: usize = 64;
/// Folders in folders that an include names.
const DEPTH_MAX: usize = 20;

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    if mains.is_empty() {
        let system = reading.open_first(&USUAL);
        for text in system.into_iter().chain(reading.open(VENDOR)) {
            Instance::read(reading, &text, false);
        }
    }
    for main in mains {
        match reading.open(main) {
            Some(text) => Instance::read(reading, &text, true),
            None => reading.trouble(&Place::file(main), "Apache's main file was not read"),
        }
    }
}

/// A line, where it came from, and where its macro was used.
struct Line<'t> {
    text: &'t Arc<Text>,
    number: u32,
    used: Option<&'t Place>,
    depth: usize,
}

impl Line<'_> {
    fn place(&self) -> Place {
        self.text.place(self.number)
    }
}

struct Instance {
    root: String,
    /// The root of a main file that was named, where its files may lie instead.
    moved: Option<String>,
    modules: Modules,
    defined: BTreeSet<String>,
    values: BTreeMap<String, String>,
    /// Lines that defined a value.
    value_places: BTreeMap<String, Place>,
    macros: BTreeMap<String, Arc<Macro>>,
    /// A `<Macro>` whose end was not seen yet.
    open_macro: Option<(String, Macro)>,
    sections: Vec<(String, Section)>,
    /// What is open of a template that the files may be.
    blocks: template::Blocks,
    sockets: Sockets,
    work_left: usize,
}

impl Instance {
    fn read(reading: &mut Reading<'_>, main: &Arc<Text>, is_named: bool) {
        let root = root(main);
        let mut instance = Instance {
            root: root.to_owned(),
            moved: is_named.then(|| root.to_owned()),
            modules: Modules::new(),
            defined: BTreeSet::new(),
            values: BTreeMap::new(),
            value_places: BTreeMap::new(),
            macros: BTreeMap::new(),
            open_macro: None,
            sections: Vec::new(),
            blocks: template::Blocks::default(),
            sockets: Sockets::default(),
            work_left: WORK_MAX,
        };
        instance.environment(reading, main.directory());
        instance.file(reading, main);
        if let Some((name, _)) = instance.open_macro.take() {
            reading.trouble(&main.whole(), format_args!("<Macro {name}> is not closed"));
        }
        instance.sockets.open(reading, &main.whole());
    }

    /// Debian's `envvars` beside the main file, upstream's in `bin`, the options of RHEL, Gentoo and SUSE.
    fn environment(&mut self, reading: &mut Reading<'_>, directory: &str) {
        let paths = [
            format!("{directory}/envvars"),
            join(&self.root, "bin/envvars"),
            "/etc/sysconfig/httpd".to_owned(),
            "/etc/default/apache2".to_owned(),
            "/etc/conf.d/apache2".to_owned(),
            "/etc/sysconfig/apache2".to_owned(),
        ];
        for path in paths {
            if let Some(text) = reading.open(&path) {
                lines::environment(&text, &mut self.values);
            }
        }
        // SUSE names what is defined without `-D`.
        let flags = self.values.get("APACHE_SERVER_FLAGS").cloned().unwrap_or_default();
        self.defined.extend(flags.split_whitespace().map(|flag| flag.trim_start_matches("-D").to_owned()));
        for name in ["APACHE_ARGUMENTS", "OPTIONS", "APACHE2_OPTS"] {
            let options = self.values.get(name).cloned().unwrap_or_default();
            let mut words = options.split_whitespace();
            while let Some(word) = words.next() {
                if let Some(name) = word.strip_prefix("-D") {
                    let name = if name.is_empty() { words.next().unwrap_or("") } else { name };
                    self.defined.insert(name.to_owned());
                }
            }
        }
    }

    fn file(&mut self, reading: &mut Reading<'_>, text: &Arc<Text>) {
        let depth = self.sections.len();
        for (number, line) in lines::lines(text) {
            self.take(reading, &line, &Line { text, number, used: None, depth: 0 });
        }
        if self.sections.len() > depth {
            let (name, _) = self.sections.get(depth).cloned().unwrap_or_else(|| (String::new(), OUTSIDE));
            reading.trouble(&text.whole(), format_args!("<{name}> is not closed"));
            self.sections.truncate(depth);
        }
    }

    fn take(&mut self, reading: &mut Reading<'_>, raw: &str, at: &Line<'_>) {
        let work = if at.used.is_some() { raw.len() + LINE_WORK } else { 0 };
        if !self.works(reading, work, at) {
            return;
        }
        if let Some((_, open)) = &mut self.open_macro {
            if !raw.to_ascii_lowercase().starts_with("</macro") {
                return open.body.push((at.number, raw.to_owned()));
            }
            if let Some((name, done)) = self.open_macro.take() {
                self.macros.insert(name, Arc::new(done));
            }
            return;
        }
        if template::begins(raw) {
            return self.template(reading, raw, at);
        }
        if let Some(name) = raw.strip_prefix("</") {
            return self.end(reading, name.trim_end_matches('>').trim(), at);
        }
        if self.section().is_skipped && !raw.starts_with('<') {
            return;
        }
        let line = lines::expand(raw, &self.values);
        if !self.works(reading, line.len().saturating_sub(raw.len()), at) {
            return;
        }
        match line.strip_prefix('<').filter(|_| raw.starts_with('<')) {
            Some(inner) => self.begin(reading, inner.strip_suffix('>').unwrap_or(inner), at),
            None => self.directive(reading, &line, raw, at),
        }
    }

    /// Takes from the work that macros and variables may make; whether there was that much left.
    fn works(&mut self, reading: &mut Reading<'_>, work: usize, at: &Line<'_>) -> bool {
        let left = self.work_left.checked_sub(work);
        if left.is_none() {
            reading.trouble(&at.place(), "not read: macros and variables make too much of these files");
        }
        self.work_left = left.unwrap_or(0);
        left.is_some()
    }

    fn template(&mut self, reading: &mut Reading<'_>, raw: &str, at: &Line<'_>) {
        let is_comment = template::comment(raw).is_some_and(|length| length == raw.len());
        if !self.section().is_skipped && !is_comment {
            let place = at.place();
            reading.unresolved(format!("what a template makes of {:?}", place.said()), &place);
            self.blocks.take(raw);
        }
    }

    fn directive(&mut self, reading: &mut Reading<'_>, line: &str, raw: &str, at: &Line<'_>) {
        let words = lines::words(line);
        let Some((name, arguments)) = words.split_first() else { return };
        let first = arguments.first().map_or("", String::as_str);
        match name.to_ascii_lowercase().as_str() {
            "include" => self.include(reading, first, Absent::IsTrouble, at),
            "includeoptional" => self.include(reading, first, Absent::IsFine, at),
            "serverroot" if first.starts_with('/') => self.root = join("/", first),
            "define" => self.define(first, arguments.get(1), at),
            "undefine" => {
                self.defined.remove(first);
                self.values.remove(first);
            }
            "loadmodule" => self.modules.load(first, arguments.get(1).map_or("", String::as_str)),
            "use" => self.use_macro(reading, arguments, at),
            "undefmacro" => drop(self.macros.remove(&first.to_ascii_lowercase())),
            "listen" => self.listen(reading, arguments, raw, at),
            "sslengine" | "gnutlsenable" | "nssengine" => {
                self.sockets.engine(self.section().host, first.eq_ignore_ascii_case("on"), &at.place());
            }
            "tlsengine" => self.sockets.tls_engine(first, &at.place()),
            _ => {}
        }
    }

    /// Relative paths are seen from the server's root.
    fn path(&self, reading: &Reading<'_>, path: &str) -> String {
        beside::moved(reading, self.moved.as_deref(), join(&self.root, path))
    }

    fn define(&mut self, name: &str, value: Option<&String>, at: &Line<'_>) {
        self.defined.insert(name.to_owned());
        if let Some(value) = value {
            self.values.insert(name.to_owned(), value.clone());
            self.value_places.insert(name.to_owned(), at.place());
        }
    }

    fn listen(&mut self, reading: &mut Reading<'_>, arguments: &[String], raw: &str, at: &Line<'_>) {
        let place = at.place();
        let section = self.section();
        if section.host.is_some() || section.is_other {
            return reading.trouble(&place, "Listen cannot stand within this section");
        }
        if section.is_unsure || self.blocks.is_open() {
            return reading.unresolved(format!("whether {raw:?} stands: a condition around it"), &place);
        }
        let mut places = vec![place];
        places.extend(at.used.cloned());
        let named = raw.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
        places.extend(named.filter_map(|(name, _)| self.value_places.get(name).cloned()));
        self.sockets.listen(reading, arguments, places);
    }

    /// A file, all files below a directory, or what a pattern matches; matched directories count as well.
    fn include(&mut self, reading: &mut Reading<'_>, path: &str, absent: Absent, at: &Line<'_>) {
        let place = at.place();
        if template::is_in(path) {
            return reading.unresolved(format!("the files of \"Include {path}\""), &place);
        }
        let path = self.path(reading, path);
        let is_pattern = crate::glob::is_pattern(&path);
        let paths = if is_pattern { reading.expand(&path, &place) } else { vec![path.clone()] };
        if paths.is_empty() && absent == Absent::IsTrouble {
            reading.trouble(&place, format_args!("{path} matches no file"));
        }
        for path in paths {
            self.include_one(reading, &path, absent, at, DEPTH_MAX);
        }
    }

    fn include_one(
        &mut self,
        reading: &mut Reading<'_>,
        path: &str,
        absent: Absent,
        at: &Line<'_>,
        depth: usize,
    ) {
        let names = reading.list(path);
        if names.is_empty() {
            if let Some(text) = reading.include(at.text, at.number, path, absent) {
                self.file(reading, &text);
            }
            return;
        }
        let Some(depth) = depth.checked_sub(1) else {
            return reading.trouble(&at.place(), format_args!("{path} was not read: too deep"));
        };
        for name in names {
            self.include_one(reading, &join(path, &name), Absent::IsFine, at, depth);
        }
    }
}

/// The server's root where the file does not say: the one that the binary was built with. Upstream and RHEL
/// have `ROOT/conf/httpd.conf`, Debian has `ROOT/apache2.conf`.
fn root(main: &Text) -> &str {
    let is_below = main.directory().ends_with("/conf") && !main.path().ends_with("/apache2.conf");
    if is_below { parent(main.directory()) } else { main.directory() }
}
