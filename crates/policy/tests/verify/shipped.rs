//! The shipped example, and the worlds of the binary's tests.
//! Not here: random ones.

use super::random::World;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn worlds() -> Vec<World> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = fs::read_dir(crates.join("rolewall/tests/worlds")).unwrap();
    let mut folders: Vec<PathBuf> = folders.map(|entry| entry.unwrap().path().join("etc/rolewall")).collect();
    folders.push(crates.join("../examples"));
    folders.sort();
    let worlds: Vec<World> = folders.iter().map(|folder| world(folder)).collect();
    assert!(worlds.len() > 5);
    worlds
}

fn world(folder: &Path) -> World {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    let text = folder.display().to_string();
    World::parsed(&read("cluster.toml"), &read("rolewall.toml"), text).unwrap()
}
