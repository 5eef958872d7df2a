//! The inventory from a SQL database: asked within a deadline, and its last good answer kept for when it is away.
//! Not here: what the rows mean (crate `policy`). Nothing of this runs where the inventory is a file.
//!
//! We speak the few packets that two SELECTs need ourselves. The crate `mysql` would add 75 crates to a program
//! that runs as root (this adds ten, nearly all of them rustls), one of them without a stated licence; it trusts
//! the Mozilla roots beside the operator's own, and has no deadline for the whole.

mod address;
mod cache;
mod credentials;
mod error;
mod login;
mod packet;
mod query;
mod target;
mod tls;
mod vendor;
mod wire;

use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::state::Store;
use cache::{Kept, Unusable, age, kept, now_s};
use error::SqlError;
use query::Asked;
use rolewall_policy::inventory::Rows;
use rolewall_policy::inventory::rows::{self, NodeRow, RoleRow};
use rolewall_policy::settings::Sql;
use rolewall_policy::{Catalogue, Inventory, Problems, Source, inventory};
use target::Target;
use wire::Deadline;

/// An inventory, and what stood in for the database, if it was away.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) inventory: Inventory,
    /// In words: that the answer is an old one, how old, and why it was taken.
    pub(crate) stand_in: Option<String>,
}

/// The inventory: nodes from the database, the rest from `cluster.toml`.
pub(crate) fn inventory(
    host: &Host,
    sql: &Sql,
    files: &[Source],
    catalogue: &Catalogue,
) -> Result<Answered, Failure> {
    let store = Store::of(host);
    let found = if host.is_live { answer(host, sql, &store) } else { kept_below(&store) };
    let (answer, stand_in) = match found {
        Ok(found) => found,
        Err(failure) => {
            // Mistakes of the files are told first: they are the operator's to mend.
            inventory::parse_beside(files, None, catalogue)?;
            return Err(failure);
        }
    };
    let inventory = read(&answer.rows, files, catalogue)?;
    match &stand_in {
        Some(words) => eprintln!("warning: {words}"),
        None => keep(&store, &answer),
    }
    Ok(Answered { inventory, stand_in })
}

/// What is wrong with the rows and what is wrong with the files comes together.
fn read(rows: &Rows, files: &[Source], catalogue: &Catalogue) -> Result<Inventory, Failure> {
    match rows::nodes(rows, catalogue) {
        Ok(nodes) => Ok(inventory::parse_beside(files, Some(nodes), catalogue)?),
        Err(Problems(mut problems)) => {
            if let Err(Problems(more)) = inventory::parse_beside(files, None, catalogue) {
                problems.extend(more);
            }
            Err(Problems(problems).into())
        }
    }
}

/// From the database, or the last good answer where that is away.
fn answer(host: &Host, sql: &Sql, store: &Store) -> Result<(Kept, Option<String>), Failure> {
    let target = Target::of(host, sql)?;
    let from = target.place().to_string();
    let error = match asked(host, &target, sql) {
        Ok(rows) => return Ok((Kept { rows, from, at_s: now_s() }, None)),
        Err(error) if error.is_away() => error,
        Err(error) => return Err(error.failure(&target)),
    };
    match kept(store, Some(&from)) {
        Ok(kept) => {
            let words = format!(
                "the inventory's database at {from} is away: {error}\n  its last good answer stands in for it, {} old, with {} rows of nodes",
                age(kept.at_s, now_s()),
                kept.rows.nodes.len()
            );
            Ok((kept, Some(words)))
        }
        Err(unusable) => Err(neither(&target, &error, &unusable)),
    }
}

fn neither(target: &Target, error: &SqlError, unusable: &Unusable) -> Failure {
    let nothing = match unusable {
        Unusable::None(_) => "and no earlier answer of it is kept".to_owned(),
        other => format!("and {other}"),
    };
    let what = format!("the inventory's database at {} is away: {error}; {nothing}", target.place());
    Failure::new(Kind::Peer, what).help(
        "nothing was changed, and what was confirmed stays in force; look whether the database runs, and is reached from here",
    )
}

/// With `--root` nothing live is asked.
fn kept_below(store: &Store) -> Result<(Kept, Option<String>), Failure> {
    let kept = kept(store, None).map_err(|unusable| {
        let what = format!(
            "the inventory is in a database, which --root does not ask, and of its last good answer: {unusable}"
        );
        Failure::input(what).help(
            "copy /var/lib/rolewall/inventory.sql of a node below the directory, or set inventory.source = \"file\"",
        )
    })?;
    let words = format!(
        "--root asks no database: the last good answer of {} stands in for it, {} old",
        kept.from,
        age(kept.at_s, now_s())
    );
    Ok((kept, Some(words)))
}

fn asked(host: &Host, target: &Target, sql: &Sql) -> Result<Rows, SqlError> {
    let trust = tls::Trust::of(sql, |path| host.path(&path.display().to_string()))?;
    let deadline = Deadline::after(sql.timeout);
    let mut packets = login::login(target, trust.as_ref(), sql.tls, deadline)?;
    // Both answers are of one moment, and nothing can be written.
    packets.execute("SET SESSION TRANSACTION READ ONLY", "a read-only session")?;
    packets.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT", "a transaction")?;
    let columns = &["nodeid", "name", "private", "public"];
    let nodes = packets.rows(Asked { name: "nodes", text: sql.nodes_query(), columns })?;
    let roles =
        packets.rows(Asked { name: "roles", text: sql.roles_query(), columns: &["nodeid", "role"] })?;
    packets.quit();
    let from = |configured: bool, key: &str, table: &str| {
        if configured { format!("inventory.sql.{key}") } else { table.to_owned() }
    };
    Ok(Rows {
        nodes_from: from(sql.nodes.is_some(), "nodes", "node"),
        roles_from: from(sql.roles.is_some(), "roles", "node_role"),
        nodes: nodes.into_iter().filter_map(node_row).collect(),
        roles: roles.into_iter().filter_map(role_row).collect(),
    })
}

/// As many values as were asked for.
fn node_row(values: query::Row) -> Option<NodeRow> {
    let [id, name, private, public] = <[String; 4]>::try_from(values).ok()?;
    Some(NodeRow { id, name, private, public })
}

fn role_row(values: query::Row) -> Option<RoleRow> {
    let [id, role] = <[String; 2]>::try_from(values).ok()?;
    Some(RoleRow { id, role })
}

/// Keeps a good answer. That it cannot be kept is no reason not to use it; that it is far smaller than the one
/// before is said, because it takes that one's place.
fn keep(store: &Store, answer: &Kept) {
    let is = answer.rows.nodes.len();
    let was = kept(store, Some(&answer.from)).map_or(0, |kept| kept.rows.nodes.len());
    if is < was - was / 4 {
        eprintln!(
            "warning: the inventory's database has {is} rows of nodes where it had {was}; its last good answer is replaced"
        );
    }
    if let Err(failure) = cache::keep(store, answer) {
        eprintln!("warning: the database's answer is not kept for when it is away\n  {failure}");
    }
}
