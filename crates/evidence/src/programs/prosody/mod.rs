//! Prosody: its main file, which is a Lua program. It is read for its literals and never executed.
//! Source: prosody.im/doc: Configuring Prosody, Port and network configuration, and the pages of the modules.

mod config;
mod modules;
mod services;

use super::Program;
use crate::reading::Reading;
use crate::text::Place;

pub(super) const PROGRAM: Program = Program {
    name: "prosody",
    aliases: &["prosody-im"],
    // A Lua interpreter: the kernel shows its name.
    processes: &["prosody", "lua5.1", "lua5.2", "lua5.3", "lua5.4", "lua", "luajit"],
    read,
};

const USUAL: [&str; 3] = [
    "/etc/prosody/prosody.cfg.lua",
    "/usr/local/etc/prosody/prosody.cfg.lua",
    "/opt/prosody/etc/prosody/prosody.cfg.lua",
];

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    let usual = if mains.is_empty() { &USUAL[..] } else { mains };
    match reading.open_first(usual) {
        Some(text) => {
            let config = config::Config::of(reading, &text);
            services::open(reading, &config, &text);
        }
        None => {
            if let Some(path) = mains.iter().find(|path| reading.mode(path).is_none()) {
                reading.trouble(&Place::file(path), "there is no such file");
            }
        }
    }
}
