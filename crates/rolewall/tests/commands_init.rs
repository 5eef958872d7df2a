//! The files that a package installs say nothing, and `init` writes this host's own over them, but over nothing else.
//! Not here: what init writes (each line of it is a comment or a default).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use support::can_run;
use support::program::Program;
use support::scene::{cluster, hosts, scene, settings};

/// As the package installs both files: every line is a comment.
const COMMENTS: &str =
    "# Nothing here is in force until a line is uncommented.\n\n# [cluster]\n# name = \"voice-1\"\n";

#[test]
fn files_of_comments_alone_are_as_good_as_none_and_init_writes_over_them() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    let without = node.expect(0, &["plan"]);
    node.configure(COMMENTS, COMMENTS);
    let with = node.expect(0, &["plan"]);
    assert_eq!((with.stdout, with.stderr), (without.stdout, without.stderr));
    node.expect(0, &["init"])
        .mentions(&["wrote /etc/rolewall/cluster.toml", "wrote /etc/rolewall/rolewall.toml"]);
    node.expect(2, &["init"]).mentions(&["cluster.toml", "overwrites nothing"]);
    node.expect(0, &["plan"]);
}

#[test]
fn an_inventory_that_was_emptied_is_a_mistake_and_one_that_was_commented_out_is_held() {
    if !can_run() {
        return;
    }
    let lab = scene();
    let node = hosts(&lab).0;
    node.configure(&cluster(&["sql"], ""), &settings(""));
    node.expect(0, &["apply", "--final"]);
    node.configure("", &settings(""));
    node.expect(2, &["apply"]).mentions(&["cluster.toml", "the file is empty"]);
    node.configure(COMMENTS, &settings(""));
    node.expect(2, &["apply"]).mentions(&["0 nodes", "12", "--force"]);
    node.expect(0, &["status"]);
}
