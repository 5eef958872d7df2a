//! Everything that a plan follows from, read from this host.
//! Not here: what the plan is made of (crate `policy`).

use crate::failure::Failure;
use crate::host::files::HostFiles;
use crate::host::sockets::{self, UnixListening};
use crate::host::{CLUSTER_D, Host, LOCAL_CONF, ROLES_D, SETTINGS};
use crate::sql;
use rolewall_evidence::{Found, HostFacts, Listening, NamedFile, programs};
use rolewall_kernel::links;
use rolewall_policy::plan::{self, HostNames, IdentityError, Me, identify};
use rolewall_policy::settings::InventorySource;
use rolewall_policy::verify::fleet::Basis;
use rolewall_policy::{
    Catalogue, Inventory, Node, NodeName, Observed, Plan, Problems, Settings, inventory, observe, settings,
};

/// What was read, parsed and found.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) catalogue: Catalogue,
    pub(crate) inventory: Inventory,
    pub(crate) settings: Settings,
    pub(crate) names: HostNames,
    pub(crate) facts: HostFacts,
    /// What the services' own files say.
    pub(crate) found: Found,
    /// Files and sockets side by side; no sockets with `--root`.
    pub(crate) observed: Observed,
    /// Sockets in the file system, where everything was looked at.
    pub(crate) unix: Vec<UnixListening>,
    /// In words, where the inventory's database was away: what stood in for it, or that nothing did.
    pub(crate) stand_in: Option<String>,
    is_live: bool,
}

/// How much of the host is looked at: the sockets of every protocol cost some milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look<'a> {
    /// What the plan needs: the files of roles' programs; every socket where they say something, or where
    /// there is no inventory; else where ssh listens.
    AsNeeded,
    /// Everything.
    AtAll,
    /// Everything, and main files that are not at their usual places; an inventory that is not to be had is
    /// told beside.
    ToTell(&'a [NamedFile]),
}

impl Inputs {
    /// Reads settings, inventory, roles and the vendor's files; all their problems come together.
    pub(crate) fn read(host: &Host, look: Look<'_>) -> Result<Inputs, Failure> {
        let roles = host.sources_in(ROLES_D, ".toml")?;
        let (catalogue, mut problems) = apart(Catalogue::built_in_with(&roles));
        let catalogue = catalogue.unwrap_or_else(Catalogue::built_in);
        let (settings_file, local_conf) = (host.source(SETTINGS)?, host.source(LOCAL_CONF)?);
        let (settings, more) =
            apart(settings::parse(settings_file.as_ref(), local_conf.as_ref(), &catalogue));
        problems.extend(more);
        let files = inventory_files(host)?;
        let is_sql = settings.as_ref().map_or_else(
            || settings_file.as_ref().is_some_and(settings::asks_sql),
            |settings| settings.inventory == InventorySource::Sql,
        );
        let mut stand_in = None;
        let (inventory, more) = match &settings {
            _ if !is_sql => apart(read_inventory(&files, &catalogue)),
            Some(settings) if problems.is_empty() => {
                match sql::inventory(host, &settings.sql, &files, &catalogue) {
                    Ok(answered) => {
                        stand_in = answered.stand_in;
                        (Some(answered.inventory), Vec::new())
                    }
                    Err(failure) if matches!(look, Look::ToTell(_)) => {
                        stand_in = Some(failure.to_string());
                        (Some(Inventory::default()), Vec::new())
                    }
                    Err(failure) => return Err(failure),
                }
            }
            _ => apart(inventory::parse_beside(&files, None, &catalogue)),
        };
        problems.extend(more);
        let (Some(settings), Some(inventory), true) = (settings, inventory, problems.is_empty()) else {
            return Err(Problems(problems).into());
        };
        let names = host.names()?;
        let facts = host.facts(names.hostname.clone());
        let found = read_files(host, &facts, look, &catalogue)?;
        let is_told = !inventory.nodes.is_empty() && found.endpoints.is_empty();
        let (sockets, unix) = listening(host, look, is_told)?;
        let observed = observe(&catalogue, &found, sockets.as_deref());
        let is_live = host.is_live;
        Ok(Inputs { catalogue, inventory, settings, names, facts, found, observed, unix, stand_in, is_live })
    }

    /// What was read otherwise than it was written, on standard error.
    pub(crate) fn tell_notes(&self) {
        for note in self.settings.notes.iter().chain(&self.inventory.notes) {
            eprintln!("note: {note}");
        }
        for trouble in &self.found.troubles {
            eprintln!("warning: {trouble}\n  the role's default ports count beside what was understood");
        }
    }

    /// This host as a node of the inventory; by its sockets where there is no inventory.
    pub(crate) fn me(&self) -> Result<Me, Failure> {
        if self.inventory.nodes.is_empty() {
            let name = self.names.hostname.as_deref().unwrap_or("this-host");
            return Ok(Me::from_evidence(name, &self.observed));
        }
        let node = self.identify().map_err(|e| {
            Failure::input(e).help("name it in /etc/rolewall/rolewall.toml:  [node]\n      name = \"...\"")
        })?;
        Ok(Me::from_node(node, &self.observed))
    }

    /// By its addresses only where nothing else tells.
    fn identify(&self) -> Result<&Node, IdentityError> {
        match identify(&self.inventory, &self.settings, &self.names) {
            Err(IdentityError::Unknown { .. }) if self.is_live => {
                let addresses = links::addresses().unwrap_or_default().into_iter().map(|a| a.address);
                let names = HostNames { addresses: addresses.collect(), ..self.names.clone() };
                identify(&self.inventory, &self.settings, &names)
            }
            other => other,
        }
    }

    /// Another node of the inventory, as far as this host can know it.
    pub(crate) fn other(&self, name: &str) -> Result<Me, Failure> {
        let node = self.inventory.nodes.iter().find(|n| n.name == NodeName(name.to_owned()));
        let node = node.ok_or_else(|| {
            Failure::input(format_args!("the inventory has no node \"{name}\""))
                .help("rolewall plan --json names the nodes; cluster.toml declares them")
        })?;
        Ok(Me::from_node(node, &Observed { told: self.observed.told.clone(), ..Observed::default() }))
    }

    pub(crate) fn plan_of(&self, me: &Me) -> Plan {
        let Inputs { catalogue, inventory, settings, .. } = self;
        plan::derive(plan::Inputs { catalogue, inventory, settings, me })
    }

    /// What every node's plan follows from.
    pub(crate) fn basis(&self) -> Basis<'_> {
        let Inputs { catalogue, inventory, settings, observed, .. } = self;
        Basis { catalogue, inventory, settings, told: observed }
    }

    pub(crate) fn plan(&self) -> Result<Plan, Failure> {
        Ok(self.plan_of(&self.me()?))
    }
}

fn listening(
    host: &Host,
    look: Look<'_>,
    is_told: bool,
) -> Result<(Option<Vec<Listening>>, Vec<UnixListening>), Failure> {
    match look {
        _ if !host.is_live => Ok((None, Vec::new())),
        Look::AsNeeded if is_told => Ok((Some(sockets::listening_tcp()?), Vec::new())),
        Look::AsNeeded | Look::AtAll | Look::ToTell(_) => {
            let (sockets, unix) = sockets::listening()?;
            Ok((Some(sockets), unix))
        }
    }
}

/// The configuration of services: for a plan, of those programs that roles know.
pub(crate) fn read_files(
    host: &Host,
    facts: &HostFacts,
    look: Look<'_>,
    catalogue: &Catalogue,
) -> Result<Found, Failure> {
    let files = HostFiles::of(host)?;
    let known = || catalogue.services().flat_map(|(_, service)| &service.evidence);
    Ok(match look {
        Look::AtAll => programs::read(&files, facts, &[]),
        Look::ToTell(named) => programs::read(&files, facts, named),
        Look::AsNeeded => {
            programs::read_those(&files, facts, &[], |p| known().any(|word| word.program == p.name))
        }
    })
}

pub(crate) fn inventory_files(host: &Host) -> Result<Vec<rolewall_policy::Source>, Failure> {
    let main = host.cluster()?;
    Ok(main.into_iter().chain(host.sources_in(CLUSTER_D, ".toml")?).collect())
}

fn read_inventory(files: &[rolewall_policy::Source], catalogue: &Catalogue) -> Result<Inventory, Problems> {
    if files.is_empty() { Ok(Inventory::default()) } else { inventory::parse(files, catalogue) }
}

fn apart<T>(result: Result<T, Problems>) -> (Option<T>, Vec<rolewall_policy::Problem>) {
    match result {
        Ok(value) => (Some(value), Vec::new()),
        Err(Problems(problems)) => (None, problems),
    }
}
