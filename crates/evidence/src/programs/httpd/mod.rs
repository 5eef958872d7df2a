//! Apache httpd: what `Listen` opens, and where TLS is spoken.
//! Source: the documentation of Apache httpd 2.4: mpm_common (Listen), core (Include, Define, IfModule, IfDefine,
//! IfFile, VirtualHost), mod_ssl (SSLEngine), mod_macro, mod_version.

mod conditions;
mod lines;
mod modules;
mod sockets;

use super::Program;
use super::beside;
use crate::reading::{Absent, Reading};
use crate::text::{Place, Text, join, parent};
use conditions::Truth;
use modules::Modules;
use sockets::Sockets;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) const PROGRAM: Program =
    Program { name: "httpd", aliases: &["apache", "apache2"], processes: &["apache2", "httpd"], read };

/// Debian's, RHEL's, upstream's, and the vendor's web server in its older form.
const USUAL: [&str; 5] = [
    "/etc/apache2/apache2.conf",
    "/etc/httpd/conf/httpd.conf",
    "/usr/local/apache2/conf/httpd.conf",
    "/etc/apache2/httpd.conf",
    "/usr/local/httpsa/conf/httpd.conf",
];
/// Bytes of macros' lines that are worked on, as often as they are used.
const WORK_MAX: usize = 8 << 20;
/// What a line costs besides its bytes.
const LINE_WORK: usize = 64;
/// Macros that use each other.
const DEPTH_MAX: usize = 20;

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    if mains.is_empty()
        && let Some(text) = reading.open_first(&USUAL)
    {
        Instance::read(reading, &text, false);
    }
    for main in mains {
        match reading.open(main) {
            Some(text) => Instance::read(reading, &text, true),
            None => reading.trouble(&Place::file(main), "Apache's main file was not read"),
        }
    }
}

/// What encloses a line.
#[derive(Debug, Clone, Copy)]
struct Section {
    /// Not read at all.
    is_skipped: bool,
    /// It depends on something that is not known here.
    is_unsure: bool,
    /// A `<VirtualHost>`.
    host: Option<usize>,
    /// `<Directory>` and others, in which no socket can be asked for.
    is_other: bool,
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

struct Macro {
    text: Arc<Text>,
    parameters: Vec<String>,
    body: Vec<(u32, String)>,
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
    sockets: Sockets,
    work_left: usize,
}

impl Instance {
    fn read(reading: &mut Reading<'_>, main: &Arc<Text>, is_named: bool) {
        let root = root(main.directory());
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

    /// Debian's `envvars` beside the main file, upstream's in `bin`, RHEL's options.
    fn environment(&mut self, reading: &mut Reading<'_>, directory: &str) {
        let paths = [
            format!("{directory}/envvars"),
            join(&self.root, "bin/envvars"),
            "/etc/sysconfig/httpd".to_owned(),
            "/etc/default/apache2".to_owned(),
        ];
        for path in paths {
            if let Some(text) = reading.open(&path) {
                lines::environment(&text, &mut self.values);
            }
        }
        for name in ["APACHE_ARGUMENTS", "OPTIONS"] {
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
        let Some(left) = self.work_left.checked_sub(work) else {
            return reading.trouble(&at.place(), "not read: macros make too much of these files");
        };
        self.work_left = left;
        if let Some((_, open)) = &mut self.open_macro {
            if !raw.to_ascii_lowercase().starts_with("</macro") {
                return open.body.push((at.number, raw.to_owned()));
            }
            if let Some((name, done)) = self.open_macro.take() {
                self.macros.insert(name, Arc::new(done));
            }
            return;
        }
        if let Some(name) = raw.strip_prefix("</") {
            return self.end(reading, name.trim_end_matches('>').trim(), at);
        }
        if self.section().is_skipped && !raw.starts_with('<') {
            return;
        }
        let line = lines::expand(raw, &self.values);
        match line.strip_prefix('<').filter(|_| raw.starts_with('<')) {
            Some(inner) => self.begin(reading, inner.strip_suffix('>').unwrap_or(inner), at),
            None => self.directive(reading, &line, raw, at),
        }
    }

    fn section(&self) -> Section {
        self.sections.last().map_or(OUTSIDE, |(_, section)| *section)
    }

    fn end(&mut self, reading: &mut Reading<'_>, name: &str, at: &Line<'_>) {
        let name = name.to_ascii_lowercase();
        match self.sections.last() {
            Some((open, _)) if *open == name => drop(self.sections.pop()),
            Some((open, _)) => {
                let what = format!("</{name}> closes nothing; <{open}> is open");
                reading.trouble(&at.place(), what);
            }
            None => reading.trouble(&at.place(), format_args!("</{name}> closes nothing")),
        }
    }

    fn begin(&mut self, reading: &mut Reading<'_>, inner: &str, at: &Line<'_>) {
        let words = lines::words(inner);
        let Some((name, arguments)) = words.split_first() else { return };
        let name = name.to_ascii_lowercase();
        let mut section = self.section();
        if !section.is_skipped {
            if name == "macro" {
                return self.begin_macro(reading, arguments, at);
            }
            match self.condition(reading, &name, arguments) {
                Some(Truth::Yes) => {}
                Some(Truth::No) => section.is_skipped = true,
                Some(Truth::Unknown) => section.is_unsure = true,
                None if name == "virtualhost" => {
                    section.host = Some(self.sockets.host(reading, arguments));
                }
                None => section.is_other = true,
            }
        }
        self.sections.push((name, section));
    }

    fn condition(&self, reading: &mut Reading<'_>, name: &str, arguments: &[String]) -> Option<Truth> {
        let argument = arguments.first().map_or("", String::as_str);
        let (is_not, bare) = argument.strip_prefix('!').map_or((false, argument), |bare| (true, bare));
        let of = |is: bool| if is == is_not { Truth::No } else { Truth::Yes };
        match name {
            "ifmodule" => Some(of(self.modules.has(bare))),
            "ifdefine" => Some(of(self.defined.contains(bare))),
            "iffile" => {
                let path = self.path(reading, bare);
                Some(of(reading.mode(&path).is_some()))
            }
            "ifversion" => Some(conditions::version(arguments)),
            "ifdirective" | "ifsection" => Some(Truth::Unknown),
            _ => None,
        }
    }

    fn begin_macro(&mut self, reading: &mut Reading<'_>, arguments: &[String], at: &Line<'_>) {
        let Some((name, parameters)) = arguments.split_first() else {
            return reading.trouble(&at.place(), "<Macro> without a name");
        };
        let (text, parameters, body) = (at.text.clone(), parameters.to_vec(), Vec::new());
        self.open_macro = Some((name.to_ascii_lowercase(), Macro { text, parameters, body }));
    }

    fn directive(&mut self, reading: &mut Reading<'_>, line: &str, raw: &str, at: &Line<'_>) {
        if line.starts_with("{{") || line.starts_with("{%") {
            return reading.unresolved(format!("what a template makes of {line:?}"), &at.place());
        }
        let words = lines::words(line);
        let Some((name, arguments)) = words.split_first() else { return };
        let first = arguments.first().map_or("", String::as_str);
        match name.to_ascii_lowercase().as_str() {
            "include" => self.include(reading, first, Absent::IsTrouble, at),
            "includeoptional" => self.include(reading, first, Absent::IsFine, at),
            "serverroot" => self.root = join(&self.root, first),
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
        if section.is_unsure {
            return reading.unresolved(format!("whether {raw:?} stands: it depends on the version"), &place);
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
        if path.contains("${") || path.contains("{{") {
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

    fn use_macro(&mut self, reading: &mut Reading<'_>, arguments: &[String], at: &Line<'_>) {
        let place = at.place();
        let Some((name, values)) = arguments.split_first() else { return };
        let Some(used) = self.macros.get(&name.to_ascii_lowercase()).cloned() else {
            return reading.trouble(&place, format_args!("macro {name:?} is not defined"));
        };
        if at.depth >= DEPTH_MAX {
            return reading.trouble(&place, "not read: more than 20 macros use each other");
        }
        if used.parameters.len() != values.len() {
            let (wants, has) = (used.parameters.len(), values.len());
            reading.trouble(&place, format_args!("macro {name:?} has {wants} parameters, not {has}"));
            return;
        }
        let mut pairs: Vec<(&str, &str)> =
            used.parameters.iter().map(String::as_str).zip(values.iter().map(String::as_str)).collect();
        // The longest name that fits is replaced.
        pairs.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        let from = at.used.unwrap_or(&place);
        for (number, line) in &used.body {
            let line = substitute(line, &pairs);
            let at = Line { text: &used.text, number: *number, used: Some(from), depth: at.depth + 1 };
            self.take(reading, &line, &at);
        }
    }
}

const OUTSIDE: Section = Section { is_skipped: false, is_unsure: false, host: None, is_other: false };

/// The server's root where the file does not say: the one that the binary was built with.
fn root(directory: &str) -> &str {
    if directory.ends_with("/conf") { parent(directory) } else { directory }
}

/// A macro's line with its parameters' values.
fn substitute(line: &str, pairs: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next().filter(|_| out.len() <= lines::LINE_MAX) {
        let fits = pairs.iter().find(|(name, _)| !name.is_empty() && rest.starts_with(name));
        let (put, length) = match fits {
            Some((name, value)) => (*value, name.len()),
            None => (rest.get(..c.len_utf8()).unwrap_or(""), c.len_utf8()),
        };
        out.push_str(put);
        rest = rest.get(length..).unwrap_or("");
    }
    out
}
