//! A plan from such inputs as can be read, each by itself: what boot asks for when nothing else is left.
//! Not here: the plan that `apply` takes, for which any problem of an input is an error ([`crate::inputs`]).

use crate::host::{Host, LOCAL_CONF, ROLES_D, SETTINGS};
use crate::inputs::{Look, inventory_files, read_files};
use rolewall_policy::plan::{self, Me};
use rolewall_policy::settings::InventorySource;
use rolewall_policy::{Catalogue, Inventory, Plan, Settings, inventory, observe, settings};

/// Defaults stand in for what cannot be read. No database is asked: there is no network yet.
pub(crate) fn plan(host: &Host) -> Plan {
    let catalogue = catalogue(host);
    let settings = settings_of(host, &catalogue);
    let inventory = inventory_of(host, &settings, &catalogue);
    let hostname = host.names().ok().and_then(|names| names.hostname);
    let found =
        read_files(host, &host.facts(hostname.clone()), Look::AsNeeded, &catalogue).unwrap_or_default();
    let me =
        Me::from_evidence(hostname.as_deref().unwrap_or("this-host"), &observe(&catalogue, &found, None));
    plan::derive(plan::Inputs { catalogue: &catalogue, inventory: &inventory, settings: &settings, me: &me })
}

fn catalogue(host: &Host) -> Catalogue {
    let own = host.sources_in(ROLES_D, ".toml").unwrap_or_default();
    Catalogue::built_in_with(&own).unwrap_or_else(|_| Catalogue::built_in())
}

/// Where one of the two files is wrong, the other still says who is trusted.
fn settings_of(host: &Host, catalogue: &Catalogue) -> Settings {
    let source = |path| host.source(path).ok().flatten();
    let (own, vendor) = (source(SETTINGS), source(LOCAL_CONF));
    let ways = [(own.as_ref(), vendor.as_ref()), (own.as_ref(), None), (None, vendor.as_ref())];
    let mut parsed =
        ways.into_iter().filter_map(|(own, vendor)| settings::parse(own, vendor, catalogue).ok());
    parsed.next().unwrap_or_default()
}

fn inventory_of(host: &Host, settings: &Settings, catalogue: &Catalogue) -> Inventory {
    let files = inventory_files(host).unwrap_or_default();
    let parsed = match settings.inventory {
        _ if files.is_empty() => return Inventory::default(),
        InventorySource::Sql => inventory::parse_beside(&files, None, catalogue),
        InventorySource::File => inventory::parse(&files, catalogue),
    };
    parsed.unwrap_or_default()
}
