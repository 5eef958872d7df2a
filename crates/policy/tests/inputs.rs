//! Golden inputs: each folder's files read as the binary reads them, and what comes out, word for word.
//! Not here: what follows from them (plan and ruleset have their own cases).
//!
//! A folder holds any of `roles.d/*.toml`, `cluster.toml`, `cluster.d/*.toml`, `rolewall.toml` and
//! `local.conf`, and `expected.txt`. With ROLEWALL_BLESS=1 `expected.txt` is written anew: read the diff.

mod inputs_listing;

use inputs_listing as listing;
use rolewall_policy::{Catalogue, Problems, Source, inventory, settings};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn each_input_gives_exactly_its_words() {
    let mut wrong = Vec::new();
    let cases = entries(&golden());
    assert!(cases.len() > 60, "only {} cases were found", cases.len());
    for case in cases {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let (said, good) = match read(&case) {
            Ok(said) => (said, true),
            Err(problems) => (format!("{problems}\n"), false),
        };
        let expected = case.join("expected.txt");
        if std::env::var_os("ROLEWALL_BLESS").is_some() {
            fs::write(&expected, &said).unwrap();
        }
        if good == name.contains("-bad-") || fs::read_to_string(&expected).unwrap_or_default() != said {
            wrong.push(format!("{name} says:\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_shipped_examples_are_good() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let source = |name: &str| source(&folder, name).unwrap().unwrap();
    let catalogue = Catalogue::built_in();
    let inventory = inventory::parse(&[source("cluster.toml")], &catalogue).unwrap();
    let settings = settings::parse(Some(&source("rolewall.toml")), None, &catalogue).unwrap();
    assert!(inventory.notes.is_empty() && settings.notes.is_empty());
    assert!(inventory.nodes.iter().any(|node| Some(&node.name) == settings.node.as_ref()));
    let named = |role: &str| inventory.nodes.iter().any(|node| node.roles.contains(role));
    let mut roles = catalogue.roles.keys().filter(|name| name.0 != "node");
    assert!(roles.all(|role| named(&role.0)), "each role is on a node");
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/inputs")
}

/// In order.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("the folder is readable").path()).collect();
    paths.sort();
    paths
}

/// A file of a case under its name in the case; `None` if it is not there.
fn source(case: &Path, name: &str) -> Option<Result<Source, Problems>> {
    let bytes = fs::read(case.join(name)).ok()?;
    Some(Source::from_bytes(name, bytes).map_err(Problems::from))
}

fn sources(case: &Path, folder: &str) -> Result<Vec<Source>, Problems> {
    let files = entries(&case.join(folder)).into_iter();
    let names =
        files.map(|path| format!("{folder}/{}", path.file_name().unwrap_or_default().to_string_lossy()));
    names.filter_map(|name| source(case, &name)).collect()
}

fn read(case: &Path) -> Result<String, Problems> {
    let catalogue = Catalogue::built_in().with_overrides(&sources(case, "roles.d")?)?;
    let mut said = listing::catalogue(&catalogue, &Catalogue::built_in());
    if let Some(cluster) = source(case, "cluster.toml") {
        let mut files = vec![cluster?];
        files.extend(sources(case, "cluster.d")?);
        said += &listing::inventory(&inventory::parse(&files, &catalogue)?);
    }
    let own = source(case, "rolewall.toml").transpose()?;
    let conf = source(case, "local.conf").transpose()?;
    if own.is_some() || conf.is_some() {
        said += &listing::settings(&settings::parse(own.as_ref(), conf.as_ref(), &catalogue)?);
    }
    Ok(said)
}
