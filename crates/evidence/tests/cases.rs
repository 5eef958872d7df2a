//! Configuration files that we wrote from each program's documentation, and what the program would open.
//! Folders from 901 on are files that are broken: trouble is said beside what was understood.
//!
//! `ROLEWALL_BLESS=1 cargo test -p rolewall-evidence --test cases` writes what is found to
//! `expected.txt`: to be read before it is believed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use support::{Case, cases, shown};

#[test]
fn every_case_is_read_as_its_program_would() {
    let writes = std::env::var_os("ROLEWALL_BLESS").is_some();
    let mut wrong = Vec::new();
    for folder in cases() {
        let found = shown(&Case::of(&folder).read());
        let path = folder.join("expected.txt");
        if writes {
            fs::write(&path, &found).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if found != expected {
            wrong.push(format!("{}\nfound:\n{found}\nexpected:\n{expected}", folder.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_program_has_good_and_bad_cases() {
    for program in rolewall_evidence::programs::PROGRAMS {
        let mine: Vec<String> = cases()
            .iter()
            .filter(|folder| folder.parent().unwrap().file_name().unwrap() == program.name)
            .map(|folder| folder.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert!(mine.iter().any(|name| name.as_str() < "901"), "{} has no case", program.name);
        assert!(mine.iter().any(|name| name.as_str() >= "901"), "{} has no bad case", program.name);
    }
}
