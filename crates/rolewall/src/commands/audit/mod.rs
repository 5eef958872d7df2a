//! `rolewall audit`: what each endpoint promises, against what it does when it is asked.
//! Not here: rules. An audit reads and changes nothing but the logs of whom it asks.

mod answer;
mod ask;
mod date;
mod document;
mod judge;
mod targets;

use crate::cli::AuditArgs;
use crate::failure::Failure;
use crate::host::Host;
use crate::inputs::{Inputs, Look};
use answer::Answer;
use ask::How;
use document::Document;
use rolewall_kernel::links;
use rolewall_policy::{Catalogue, Inventory};
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use targets::{Known, Target};

/// Endpoints that are asked in one run.
const ENDPOINTS_MAX: usize = 512;
/// Endpoints that are asked at once.
const AT_ONCE: usize = 16;
/// All of it.
const TOTAL: Duration = Duration::from_secs(60);

/// Asks, judges and prints; returns the exit code: 1 where there is a finding.
pub(crate) fn audit(host: &Host, arguments: &AuditArgs, as_json: bool) -> Result<u8, Failure> {
    host.live("audit")?;
    let inputs = Inputs::read(host, Look::AtAll)?;
    let targets = chosen(&inputs, arguments)?;
    let (asked, left) = targets.split_at(targets.len().min(ENDPOINTS_MAX));
    let how = How {
        timeout: Duration::from_secs(arguments.timeout),
        until: Instant::now() + TOTAL,
        domain: arguments.domain.clone(),
        try_defaults: arguments.try_defaults,
    };
    let answers = ask_all(asked, &how);
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let document = Document::of(asked, &answers, left.len(), now_s);
    tell_unseen(&inputs);
    print!("{}", if as_json { super::json(&document)? } else { document.text() });
    Ok(document.exit_code())
}

/// This host's first: where an audit is cut off, they are not what is left out.
fn chosen(inputs: &Inputs, arguments: &AuditArgs) -> Result<Vec<Target>, Failure> {
    let me = inputs.me()?;
    let plan = inputs.plan_of(&me);
    let addresses = own_addresses();
    let known = Known {
        catalogue: &inputs.catalogue,
        inventory: &inputs.inventory,
        me: &me,
        plan: &plan,
        observed: &inputs.observed,
        addresses: &addresses,
    };
    let mut targets = known.here();
    if !arguments.this_host {
        targets.extend(known.elsewhere());
    }
    let only = wanted(&inputs.catalogue, &arguments.only)?;
    targets.retain(|t| only.is_empty() || only.contains(&t.role.0) || only.contains(&t.service));
    // Several processes may share a socket, and two files may name one endpoint.
    let mut seen = Vec::with_capacity(targets.len());
    for target in targets {
        if !seen.contains(&target) {
            seen.push(target);
        }
    }
    Ok(seen)
}

/// Link-local addresses need an interface beside them, and clients do not use them.
fn own_addresses() -> Vec<IpAddr> {
    /// `enum rt_scope_t`
    const GLOBAL_OR_SITE: [u8; 2] = [0, 200];
    let addresses = links::addresses().unwrap_or_default();
    let usable = addresses.into_iter().filter(|a| GLOBAL_OR_SITE.contains(&a.scope));
    usable.map(|a| a.address).filter(|ip| !ip.is_loopback()).collect()
}

/// Roles by their own names, services as they are called.
fn wanted(catalogue: &Catalogue, only: &[String]) -> Result<Vec<String>, Failure> {
    let own_name = |word: &String| {
        if let Some(role) = catalogue.resolve(word) {
            return Ok(role.name.0.clone());
        }
        if catalogue.services().any(|(_, service)| service.name == *word) {
            return Ok(word.clone());
        }
        let near = catalogue.nearest(word).map(|near| format!("did you mean `{near}`?"));
        let promising = catalogue.services().filter(|(_, s)| s.promise.is_some());
        let names: Vec<&str> = promising.map(|(_, s)| s.name.as_str()).collect();
        Err(Failure::input(format_args!("--only {word}: no role and no service is called that"))
            .help(near.unwrap_or_else(|| format!("services that can be asked: {}", names.join(", ")))))
    };
    only.iter().map(own_name).collect()
}

/// Each endpoint's answer, in order; none where time ran out before it was asked.
fn ask_all(targets: &[Target], how: &How) -> Vec<Option<Answer>> {
    let answers = Mutex::new(vec![None; targets.len()]);
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(target) = targets.get(place).filter(|_| Instant::now() < how.until) else { return };
            let answer = ask::ask(target, how);
            if let Ok(mut answers) = answers.lock() {
                answers[place] = Some(answer);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..targets.len().min(AT_ONCE) {
            scope.spawn(work);
        }
    });
    answers.into_inner().unwrap_or_default()
}

/// Without the right to see whose a socket is, no service is recognised by it.
fn tell_unseen(inputs: &Inputs) {
    let unseen = inputs.observed.endpoints.iter().filter(|o| o.endpoint.service.is_empty()).count();
    if unseen > 0 {
        eprintln!(
            "warning: of {unseen} listening sockets the process may not be seen, so they were not asked\n  \
             run it as root:  sudo rolewall audit"
        );
    }
    if inputs.inventory == Inventory::default() {
        eprintln!("note: there is no inventory, so this host alone was asked");
    }
}
