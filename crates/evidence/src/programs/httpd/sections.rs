//! Apache's sections: which lines stand, and for which server.
//! Source: core (IfModule, IfDefine, IfFile, VirtualHost) and mod_version in the documentation of Apache httpd 2.4.

use super::conditions::{self, Truth};
use super::{Instance, Line, lines};
use crate::reading::Reading;

/// What encloses a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section {
    /// Not read at all.
    pub(super) is_skipped: bool,
    /// It depends on something that is not known here.
    pub(super) is_unsure: bool,
    /// A `<VirtualHost>`.
    pub(super) host: Option<usize>,
    /// `<Directory>` and others, in which no socket can be asked for.
    pub(super) is_other: bool,
}

/// Outside all sections.
pub(super) const OUTSIDE: Section =
    Section { is_skipped: false, is_unsure: false, host: None, is_other: false };

impl Instance {
    pub(super) fn section(&self) -> Section {
        self.sections.last().map_or(OUTSIDE, |(_, section)| *section)
    }

    pub(super) fn begin(&mut self, reading: &mut Reading<'_>, inner: &str, at: &Line<'_>) {
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

    pub(super) fn end(&mut self, reading: &mut Reading<'_>, name: &str, at: &Line<'_>) {
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
}
