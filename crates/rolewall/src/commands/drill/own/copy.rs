//! What a plan follows from, copied from this host: settings, inventory, roles, and the files of its services.
//! Not here: what they say. What is copied lies in memory that goes with the drill's node, for root alone.

use super::super::ended::Ended;
use crate::host::files::HostFiles;
use crate::host::{CLUSTER, CLUSTER_D, Host, LOCAL_CONF, NODE_ID, ROLES_D, SETTINGS, STATE};
use crate::inputs::Inputs;
use rolewall_evidence::{Files, Unreadable, programs};
use rolewall_lab::Host as Node;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Every file that is opened through it, remembered.
struct Remembering<'f> {
    files: &'f HostFiles,
    read: RefCell<BTreeMap<String, Vec<u8>>>,
}

impl Files for Remembering<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
        let bytes = self.files.read(path)?;
        self.read.borrow_mut().insert(path.to_owned(), bytes.clone());
        Ok(bytes)
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, Unreadable> {
        self.files.list(directory)
    }

    fn mode(&self, path: &str) -> Option<u32> {
        self.files.mode(path)
    }
}

/// Writes them to a node; returns how many there are.
pub(super) fn copy(host: &Host, inputs: &Inputs, node: &Node) -> Result<usize, Ended> {
    let files = HostFiles::of(host)?;
    let remembering = Remembering { files: &files, read: RefCell::default() };
    let _ = programs::read(&remembering, &inputs.facts, &[]);
    let mut all = remembering.read.into_inner();
    let cache = format!("{STATE}/inventory.sql");
    for path in [SETTINGS, CLUSTER, LOCAL_CONF, NODE_ID, "/etc/hostname", &cache] {
        all.extend(files.read(path).ok().map(|bytes| (path.to_owned(), bytes)));
    }
    for directory in [CLUSTER_D, ROLES_D] {
        for name in files.list(directory).unwrap_or_default() {
            let path = format!("{directory}/{name}");
            all.extend(files.read(&path).ok().map(|bytes| (path, bytes)));
        }
    }
    for (path, bytes) in &all {
        node.write(path, bytes)?;
    }
    Ok(all.len())
}
