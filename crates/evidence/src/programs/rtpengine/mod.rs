//! rtpengine: its configuration file, and the command line that packages keep in a file.
//! Not here: whom it is a client of (Redis, Graphite, Homer, MQTT, databases).
//! Source: rtpengine(8), INTERFACES and the `listen-` options; rtpengine.sample.conf; GLib's "Key-value file
//! parser"; Debian's and RHEL's files of defaults.

mod listen;
mod settings;

use super::Program;
use crate::reading::Reading;
use settings::Settings;

pub(super) const PROGRAM: Program = Program {
    name: "rtpengine",
    aliases: &["ngcp-rtpengine", "ngcp-rtpengine-daemon", "rtpengine-daemon"],
    processes: &["rtpengine"],
    read,
};

/// The file that rtpengine reads if none is named to it.
const USUAL: &str = "/etc/rtpengine/rtpengine.conf";
const SECTION: &str = "rtpengine";
/// Command lines: Sipwise's package, Debian's, RHEL's.
const DEFAULTS: [&str; 5] = [
    "/etc/default/ngcp-rtpengine-daemon",
    "/etc/default/rtpengine-daemon",
    "/etc/default/rtpengine",
    "/etc/sysconfig/rtpengine",
    "/etc/sysconfig/ngcp-rtpengine-daemon",
];

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    for main in mains {
        let Some(text) = reading.open(main) else {
            if reading.mode(main).is_none() {
                reading.trouble(&crate::text::Place::file(main), "there is no such file");
            }
            continue;
        };
        let settings = if settings::is_shell(&text) {
            let options = Settings::shell(reading, &text);
            with_file(reading, options)
        } else {
            Settings::file(reading, &text, SECTION)
        };
        listen::open(reading, &settings);
    }
    if mains.is_empty() {
        let options = reading.open_first(&DEFAULTS).map(|text| Settings::shell(reading, &text));
        let settings = with_file(reading, options.unwrap_or_default());
        listen::open(reading, &settings);
    }
}

/// The file that the command line names, below its options.
fn with_file(reading: &mut Reading<'_>, options: Settings) -> Settings {
    let path = options.last("config-file").map_or(USUAL, |setting| &setting.value).to_owned();
    let section = options.last("config-section").map_or(SECTION, |setting| &setting.value).to_owned();
    match (path.as_str(), reading.open(&path)) {
        ("none", _) | (_, None) => options,
        (_, Some(text)) => options.over(Settings::file(reading, &text, &section)),
    }
}
