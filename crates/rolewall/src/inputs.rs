//! Everything that a plan follows from, read from this host.
//! Not here: what the plan is made of (crate `policy`).

use crate::failure::Failure;
use crate::host::{CLUSTER, CLUSTER_D, Host, LOCAL_CONF, ROLES_D, SETTINGS, sockets};
use rolewall_evidence::{Endpoint, sockets as evidence};
use rolewall_kernel::links;
use rolewall_policy::plan::{self, HostNames, IdentityError, Me, identify};
use rolewall_policy::settings::InventorySource;
use rolewall_policy::{
    Catalogue, Inventory, Node, NodeName, Plan, Problems, Recognised, Settings, inventory, recognise,
    settings,
};

/// What was read, parsed and found.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) catalogue: Catalogue,
    pub(crate) inventory: Inventory,
    pub(crate) settings: Settings,
    pub(crate) names: HostNames,
    /// What listens here; empty with `--root`.
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) recognised: Recognised,
    is_live: bool,
}

/// How many of the sockets are looked at: those of every protocol cost some milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// What the plan needs: where ssh listens, and everything where there is no inventory.
    AsNeeded,
    /// Everything.
    AtAll,
}

impl Inputs {
    /// Reads settings, inventory, roles and the vendor's files; all their problems come together.
    pub(crate) fn read(host: &Host, look: Look) -> Result<Inputs, Failure> {
        let roles = host.sources_in(ROLES_D, ".toml")?;
        let (catalogue, mut problems) = apart(Catalogue::built_in_with(&roles));
        let catalogue = catalogue.unwrap_or_else(Catalogue::built_in);
        let (settings_file, local_conf) = (host.source(SETTINGS)?, host.source(LOCAL_CONF)?);
        let (settings, more) =
            apart(settings::parse(settings_file.as_ref(), local_conf.as_ref(), &catalogue));
        problems.extend(more);
        let files = inventory_files(host)?;
        let (inventory, more) = apart(read_inventory(&files, &catalogue));
        problems.extend(more);
        let (Some(settings), Some(inventory), true) = (settings, inventory, problems.is_empty()) else {
            return Err(Problems(problems).into());
        };
        refuse_sql(&settings)?;
        let names = host.names()?;
        let sockets = match look {
            _ if !host.is_live => Vec::new(),
            Look::AsNeeded if !inventory.nodes.is_empty() => sockets::listening_tcp()?,
            Look::AsNeeded | Look::AtAll => sockets::listening()?,
        };
        let endpoints = evidence::endpoints(&sockets);
        let recognised = recognise(&catalogue, &endpoints);
        let is_live = host.is_live;
        Ok(Inputs { catalogue, inventory, settings, names, endpoints, recognised, is_live })
    }

    /// What was read otherwise than it was written, on standard error.
    pub(crate) fn tell_notes(&self) {
        for note in self.settings.notes.iter().chain(&self.inventory.notes) {
            eprintln!("note: {note}");
        }
    }

    /// This host as a node of the inventory; by its sockets where there is no inventory.
    pub(crate) fn me(&self) -> Result<Me, Failure> {
        if self.inventory.nodes.is_empty() {
            let name = self.names.hostname.as_deref().unwrap_or("this-host");
            return Ok(Me::from_sockets(name, &self.recognised));
        }
        let node = self.identify().map_err(|e| {
            Failure::input(e).help("name it in /etc/rolewall/rolewall.toml:  [node]\n      name = \"...\"")
        })?;
        Ok(Me::from_node(node, self.recognised.ssh.clone()))
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
        Ok(Me::from_node(node, Vec::new()))
    }

    pub(crate) fn plan_of(&self, me: &Me) -> Plan {
        let Inputs { catalogue, inventory, settings, .. } = self;
        plan::derive(plan::Inputs { catalogue, inventory, settings, me })
    }

    pub(crate) fn plan(&self) -> Result<Plan, Failure> {
        Ok(self.plan_of(&self.me()?))
    }
}

fn inventory_files(host: &Host) -> Result<Vec<rolewall_policy::Source>, Failure> {
    let main = host.source(CLUSTER)?;
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

fn refuse_sql(settings: &Settings) -> Result<(), Failure> {
    match settings.inventory {
        InventorySource::File => Ok(()),
        InventorySource::Sql => {
            Err(Failure::input("inventory.source = \"sql\" is not supported by this version")
                .help("set inventory.source = \"file\" and write /etc/rolewall/cluster.toml"))
        }
    }
}
