//! The repaired files in force: what would change, the test, the confirmation; and the next boot.
//! Not here: the mistakes before.

use super::ask::{ends, questions};
use super::cast::{CLUSTER_EXAMPLE, Cast, PUBLIC, SETTINGS_EXAMPLE, SIP, STRANGER};
use super::edit::with_value;
use super::ended::Ended;
use super::expect::Plans;
use super::first::{apply, confirm, number};
use super::program::{show, unexpected};
use super::session::Session;
use super::story::{Story, ms};
use super::table::{Show, Table};
use crate::firewall::Firewall;
use crate::host::{CLUSTER, SETTINGS};
use rolewall_lab::Outcome;
use rolewall_ruleset::{Op, Transaction};
use std::time::Duration;

/// The colleague beside the operator, and the stranger's address alone.
const ADMIN_BESIDE: &str = r#"["198.51.100.0/28", "2001:db8:a::/64", "198.51.100.16/28", "2001:db8:b::/64"]"#;
const DENY_ONE: &str = r#"["198.51.100.77/32", "2001:db8:a:ffff::77/128"]"#;

/// Writes what was meant, looks at the difference, applies, confirms.
pub(super) fn repair(
    story: &mut Story,
    cast: &Cast,
    operator: &Session,
    window: Duration,
) -> Result<Table, Ended> {
    story.chapter("Again, as it was meant: the colleague beside the operator, the stranger's address alone");
    let (sip, program) = (cast.host(SIP)?, cast.program(SIP)?);
    let before = Table::ask(cast, &Plans::read(cast)?, &questions())?;
    story.count(questions().len() * 2, 0);
    sip.write(CLUSTER, with_value(CLUSTER_EXAMPLE, "cluster", "admin", ADMIN_BESIDE)?)?;
    sip.write(SETTINGS, with_value(SETTINGS_EXAMPLE, "deny", "networks", DENY_ONE)?)?;
    let difference = program.in_session(&["diff"], &operator.connection).run()?;
    if difference.code() != Some(1) {
        return Err(unexpected(&difference));
    }
    show(story, SIP, &["diff"], &difference);
    let took = apply(story, cast, operator, window)?;
    story.figure("apply_again_ms", ms(took));
    let after = Table::ask(cast, &Plans::read(cast)?, &questions())?;
    after.tell(story, Show::Changed, Some(&before));
    story.check(after.differs_from(&before) > 0, "what diff announced is seen on the wire");
    confirm(story, cast, operator)?;
    Ok(after)
}

/// A boot, as far as a firewall sees it: the kernel has forgotten every table, and the files are there.
pub(super) fn boot(story: &mut Story, cast: &Cast, repaired: &Table) -> Result<(), Ended> {
    story.chapter("The next boot: the kernel knows nothing, the last confirmed revision is on disk");
    let (sip, program) = (cast.host(SIP)?, cast.program(SIP)?);
    let before = program.stand()?;
    sip.in_namespace(forget)??;
    let to = ends(sip, PUBLIC)?;
    let bare = cast.host(STRANGER)?.tcp_connect(to[0], 3306)?;
    story.count(1, 0);
    story.check(bare == Outcome::Open, "our table is gone, as after a reset: the stranger reaches tcp/3306");
    let booted = program.done(program.command(&["boot"]))?;
    show(story, SIP, &["boot"], &booted);
    story.say(&format!("    ({:.0} ms; it asks nothing but the state directory)", ms(booted.took)));
    story.figure("boot_ms", ms(booted.took));
    let after = program.stand()?;
    let drift = program.status()?["drift"].as_array().map_or(0, Vec::len);
    story.check(
        after == before && drift == 0,
        &format!("rolewall status: {}, revision {}, no drift", after.0, number(after.1)),
    );
    let table = Table::ask(cast, &Plans::read(cast)?, &questions())?;
    table.tell(story, Show::Changed, Some(repaired));
    Ok(())
}

/// Deletes our table, for a thread inside the node.
fn forget() -> Result<(), crate::failure::Failure> {
    let mut firewall = Firewall::open()?;
    let id = firewall.id.clone();
    firewall.commit(&Transaction { generation: None, ops: vec![Op::DeleteTable(&id)] })
}
