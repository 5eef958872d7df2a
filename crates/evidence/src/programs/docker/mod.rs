//! Docker: the ports that running containers publish on the host, and the daemon's own API.
//! Source: Docker's "Port publishing and mapping", "dockerd" (`daemon.json`); Moby's `container.State` and
//! `container.HostConfig`, which the daemon keeps in `config.v2.json` and `hostconfig.json`.
//! Not here: what a container's service is, swarm's ingress network, and containers in the host's network,
//! whose services are the host's own.

mod daemon;
mod ports;

use super::Program;
use crate::reading::Reading;
use crate::text::{Place, Text, join, parent};
use daemon::Daemon;
use serde_json::Value;
use std::sync::Arc;

pub(super) const PROGRAM: Program =
    Program { name: "docker", aliases: &["dockerd", "moby"], processes: &["docker-proxy", "dockerd"], read };

/// The configuration of the daemon: the packages' and that of the snap.
const DAEMONS: [(&str, &str); 2] = [
    ("/etc/docker/daemon.json", "/var/lib/docker"),
    ("/var/snap/docker/current/config/daemon.json", "/var/snap/docker/common/var-lib-docker"),
];

fn read(reading: &mut Reading<'_>, mains: &[&str]) {
    if mains.is_empty() {
        return DAEMONS.iter().for_each(|(path, root)| daemon(reading, path, root));
    }
    let is_daemons = |main: &&&str| main.ends_with("daemon.json");
    let named = mains.iter().find(is_daemons).map_or(DAEMONS[0].0, |main| main);
    if mains.iter().any(|main| is_daemons(&main)) {
        daemon(reading, named, DAEMONS[0].1);
    }
    let daemon = Daemon::of(reading, named, DAEMONS[0].1);
    for main in mains.iter().filter(|main| !is_daemons(main)) {
        let config = join(parent(main), "config.v2.json");
        if reading.mode(&config).is_none() {
            let why = format!("{config} is not there, which says whether the container runs");
            reading.trouble(&Place::file(main), why);
        }
        container(reading, parent(main), &daemon);
    }
}

fn daemon(reading: &mut Reading<'_>, path: &str, root: &str) {
    let daemon = Daemon::of(reading, path, root);
    daemon.api(reading);
    let pattern = join(&daemon.root, "containers/*/config.v2.json");
    for config in reading.expand(&pattern, &Place::file(&pattern)) {
        container(reading, parent(&config), &daemon);
    }
}

/// One container, by its directory.
fn container(reading: &mut Reading<'_>, directory: &str, daemon: &Daemon) {
    let config = join(directory, "config.v2.json");
    let Some((_, state)) = document(reading, &config) else { return };
    if state.pointer("/State/Running") != Some(&Value::Bool(true)) {
        return;
    }
    let name = state.get("Name").and_then(Value::as_str).unwrap_or("").trim_start_matches('/');
    let path = join(directory, "hostconfig.json");
    match document(reading, &path) {
        Some((text, host)) => ports::publish(reading, &text, &host, name, daemon),
        None if reading.mode(&path).is_none() => {
            let why =
                format!("{path} is not there, which says what the running container {name:?} publishes");
            reading.trouble(&Place::file(&config), why);
        }
        None => {}
    }
}

/// A file of JSON; what is none is said as trouble.
fn document(reading: &mut Reading<'_>, path: &str) -> Option<(Arc<Text>, Value)> {
    let text = reading.open(path)?;
    match serde_json::from_str(text.content()) {
        Ok(value) => Some((text, value)),
        Err(error) => {
            let line = u32::try_from(error.line()).unwrap_or(u32::MAX);
            // The line may hold a container's environment, and with it passwords.
            reading.trouble(&text.place(line).saying(""), format_args!("not read: {error}; expected JSON"));
            None
        }
    }
}

/// Where a key stands in a text. One line may hold all of a file, so that it is not shown.
fn place(text: &Text, key: &str, said: String) -> Place {
    let at = text.content().find(&format!("{key:?}")).unwrap_or(0);
    text.place(text.line_at(at)).saying(said)
}
