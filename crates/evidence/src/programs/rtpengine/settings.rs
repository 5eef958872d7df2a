//! rtpengine's options, from its key file or from a shell's assignments.
//! Not here: what they open.

use crate::formats::shell::{self, Assignment};
use crate::reading::Reading;
use crate::text::{Place, Text};
use std::sync::Arc;

/// Options with where they stand, of one section of the file and its interface sections.
#[derive(Default)]
pub(super) struct Settings {
    all: Vec<Setting>,
    /// Other sections, which an option may point at: name, options.
    sections: Vec<(String, Vec<Setting>)>,
    /// The file that the options are in.
    pub(super) text: Option<Arc<Text>>,
}

#[derive(Debug, Clone)]
pub(super) struct Setting {
    key: String,
    pub(super) value: String,
    pub(super) place: Place,
    /// On a command line an option given again is one more; in a file the last counts.
    adds: bool,
}

impl Setting {
    /// One of several values. Not the whole value with it: it may be long, and its parts many.
    fn with(&self, value: &str) -> Setting {
        let Setting { key, place, adds, .. } = self;
        Setting { key: key.clone(), value: value.trim().to_owned(), place: place.clone(), adds: *adds }
    }
}

/// Seen with 10.5: one such line, a `;` comment for example, and the daemon ends.
const NO_KEY_FILE: &str =
    "expected [section], key = value or # comment: rtpengine does not start with such a line";

/// Options whose short form a command line may have.
const SHORT: [(&str, &str); 8] = [
    ("-i", "interface"),
    ("-l", "listen-tcp"),
    ("-u", "listen-udp"),
    ("-n", "listen-ng"),
    ("-N", "listen-tcp-ng"),
    ("-c", "listen-cli"),
    ("-m", "port-min"),
    ("-M", "port-max"),
];

/// Whether it is the assignments of a shell rather than a key file.
pub(super) fn is_shell(text: &Text) -> bool {
    let first =
        text.lines().map(|(_, line)| line.trim()).find(|line| !line.is_empty() && !line.starts_with('#'));
    first.is_some_and(|line| !line.starts_with('['))
        && !text.lines().any(|(_, line)| line.trim_start().starts_with('['))
}

impl Settings {
    /// A key file: `[section]`, `key=value`, `#` comments on lines of their own. A section that stands twice
    /// is one; of a key that stands twice the last counts. Keys before the first section break the file.
    pub(super) fn file(reading: &mut Reading<'_>, text: &Arc<Text>, active: &str) -> Settings {
        let mut sections: Vec<(String, Vec<Setting>)> = Vec::new();
        let mut current: Option<usize> = None;
        for (number, line) in text.lines() {
            let (line, place) = (line.trim(), || text.place(number));
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                let known = sections.iter().take(SECTIONS_MAX).position(|(other, _)| other == name);
                current = known.or_else(|| {
                    sections.push((name.to_owned(), Vec::new()));
                    sections.len().checked_sub(1)
                });
                continue;
            }
            let section = current.and_then(|at| sections.get_mut(at));
            match (line.split_once('='), section) {
                (Some((key, value)), Some((_, settings))) => {
                    let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
                    settings.push(Setting { key, value, place: place(), adds: false });
                }
                (None, _) => reading.trouble(&place(), NO_KEY_FILE),
                (_, None) => reading.trouble(&place(), "not read: it stands before the first [section]"),
            }
        }
        let position = sections.iter().position(|(name, _)| name == active);
        if position.is_none() {
            reading.trouble(&text.whole(), format_args!("no section [{active}], which rtpengine would read"));
        }
        let all = position.map(|at| sections.swap_remove(at).1).unwrap_or_default();
        Settings { all, sections, text: Some(text.clone()) }
    }

    /// `OPTIONS="--listen-ng=2223 …"` and its like, or variables that an init script makes options of:
    /// `LISTEN_NG=127.0.0.1:2223`, `CONFIG_FILE=…`. `INTERFACES="a b"` names several.
    pub(super) fn shell(reading: &mut Reading<'_>, text: &Arc<Text>) -> Settings {
        let mut all: Vec<Setting> =
            shell::assignments(text).iter().flat_map(|one| options(text, one)).collect();
        for setting in all.iter().filter(|setting| setting.value.contains('$')) {
            reading.unresolved(format!("a variable in the value of {}", setting.key), &setting.place);
        }
        all.retain(|setting| !setting.value.contains('$'));
        Settings { all, sections: Vec::new(), text: Some(text.clone()) }
    }

    /// These count before the others, key by key.
    pub(super) fn over(self, mut below: Settings) -> Settings {
        below.all.retain(|setting| self.last(&setting.key).is_none());
        below.all.extend(self.all);
        below
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn last(&self, key: &str) -> Option<&Setting> {
        self.all.iter().rev().find(|setting| setting.key == key)
    }

    /// Every value of an option that may be given several times: one line with semicolons in the file, and
    /// several options on a command line.
    pub(super) fn every(&self, key: &str) -> Vec<Setting> {
        let mut mine: Vec<&Setting> =
            self.all.iter().filter(|setting| setting.key == key && setting.adds).collect();
        if mine.is_empty() {
            mine.extend(self.last(key));
        }
        let parts = |setting: &Setting| {
            let parts = setting.value.split(';').filter(|part| !part.trim().is_empty());
            parts.map(|part| setting.with(part)).collect::<Vec<_>>()
        };
        mine.into_iter().flat_map(parts).collect()
    }

    /// Sections whose names begin so, as settings of their own.
    pub(super) fn below(&self, prefix: &str) -> impl Iterator<Item = Settings> {
        let mine = self.sections.iter().filter(move |(name, _)| name.starts_with(prefix));
        mine.map(|(_, all)| Settings { all: all.clone(), sections: Vec::new(), text: self.text.clone() })
    }
}

/// Sections that are looked at for one of the same name.
const SECTIONS_MAX: usize = 1_000;

/// Options of an assignment.
fn options(text: &Text, assignment: &Assignment) -> Vec<Setting> {
    let setting = |key: &str, value: &str, line| {
        let (key, value, place) = (key.to_owned(), value.to_owned(), text.place(line));
        Setting { key, value, place, adds: true }
    };
    let Assignment { key, value, words, line } = assignment;
    // Older files of RHEL have an array: RTP_IP[0], RTP_IP[1].
    let key = match key.split('[').next().unwrap_or("") {
        "OPTIONS" | "EXTRA_OPTS" | "EXTRA_OPTIONS" | "DAEMON_OPTS" | "RTPENGINE_OPTIONS"
        | "RTPENGINE_ARGS" => {
            return command_line(words)
                .into_iter()
                .map(|(key, value, line)| setting(key, value, line))
                .collect();
        }
        "INTERFACES" | "RTP_IP" => {
            return words.iter().map(|(word, line)| setting("interface", word, *line)).collect();
        }
        "CONFIG_FILE" => "config-file",
        "CONFIG_SECTION" => "config-section",
        "LISTEN_TCP" => "listen-tcp",
        "LISTEN_UDP" => "listen-udp",
        "LISTEN_NG" => "listen-ng",
        "LISTEN_CLI" => "listen-cli",
        "LISTEN_HTTP" => "listen-http",
        "LISTEN_HTTPS" => "listen-https",
        "PORT_MIN" => "port-min",
        "PORT_MAX" => "port-max",
        _ => return Vec::new(),
    };
    if value.is_empty() { Vec::new() } else { vec![setting(key, value, *line)] }
}

/// `--option=value`, `--option value`, `-o value`, `-ovalue`.
fn command_line(words: &[(String, u32)]) -> Vec<(&str, &str, u32)> {
    let mut all: Vec<(&str, &str, u32)> = Vec::new();
    let mut is_open = false;
    for (word, line) in words {
        let short = SHORT.iter().find(|(short, _)| word.starts_with(short));
        let (key, value) = match (word.strip_prefix("--"), short) {
            (Some(long), _) => long.split_once('=').map_or((long, None), |(key, value)| (key, Some(value))),
            (None, Some((short, long))) => {
                (*long, word.strip_prefix(short).filter(|value| !value.is_empty()))
            }
            (None, None) => {
                if let Some((_, value, at)) = all.last_mut().filter(|_| is_open) {
                    (*value, *at) = (word, *line);
                }
                is_open = false;
                continue;
            }
        };
        is_open = value.is_none();
        all.push((key, value.unwrap_or(""), *line));
    }
    all
}
