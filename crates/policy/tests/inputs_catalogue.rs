//! What the project's own roles say, held against the role table of the product.
//! Not here: the format of role files (golden inputs).

use rolewall_policy::catalogue::{NODE, Status};
use rolewall_policy::{Catalogue, Client, Encrypted, Network, PublicReach, Role, Service, Speaks, Who};
use std::collections::BTreeSet;

/// The six roles of the product that use its stores.
const SIX: [&str; 6] = ["web", "sip", "pbx", "jabber", "ic", "worker"];

fn role<'c>(catalogue: &'c Catalogue, name: &str) -> &'c Role {
    catalogue.resolve(name).expect(name)
}

fn service<'c>(catalogue: &'c Catalogue, name: &str) -> &'c Service {
    catalogue.services().find(|(_, service)| service.name == name).expect(name).1
}

fn ports(service: &Service) -> Vec<String> {
    service.ports.iter().map(ToString::to_string).collect()
}

/// Who may use a service over a network; roles by name, others by their word.
fn clients(service: &Service, network: Network) -> BTreeSet<String> {
    let there = service.clients.iter().filter(|client| client.network == network);
    there.map(|client| word(&client.who).to_owned()).collect()
}

fn word(who: &Who) -> &str {
    match who {
        Who::Public => "public",
        Who::Admin => "admin",
        Who::Trunks => "trunks",
        Who::EveryNode => "every-node",
        Who::Peers => "peers",
        Who::Role(name) => &name.0,
    }
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn the_roles_are_those_of_the_product_and_node() {
    let names: Vec<String> = Catalogue::built_in().roles.keys().map(|name| name.0.clone()).collect();
    let expected = ["dd", "es", "ic", "jabber", NODE, "pbx", "queue", "s3", "sip", "sql", "web", "worker"];
    assert_eq!(names, expected);
}

#[test]
fn vendor_codes_mean_their_roles() {
    let catalogue = Catalogue::built_in();
    for (code, name) in
        [("http", "web"), ("que", "queue"), ("wk", "worker"), ("sql", "sql"), ("xmpp", "jabber")]
    {
        assert_eq!(role(&catalogue, code).name.0, name);
    }
    assert_eq!(catalogue.resolve("HTTP"), None);
}

#[test]
fn every_line_says_what_for_and_who_says_so() {
    let catalogue = Catalogue::built_in();
    for role in catalogue.roles.values() {
        let services = role.services.iter().map(|s| (&s.name, &s.origin));
        let clients = role.services.iter().flat_map(|s| s.clients.iter().map(move |c| (&s.name, &c.origin)));
        let needs = role.needs.iter().map(|n| (&n.name, &n.origin));
        for (name, origin) in services.chain(clients).chain(needs) {
            assert!(!origin.purpose.is_empty() && !origin.source.is_empty(), "{name}");
            let cites = origin.source.contains("https://");
            assert!(cites || origin.status == Status::Assumed, "{name}: documented, but no page is named");
        }
        assert!(role.file.starts_with("roles/"));
    }
}

#[test]
fn storage_and_worker_are_never_on_the_public_network() {
    let catalogue = Catalogue::built_in();
    for name in ["queue", "sql", "dd", "es", "worker", "s3"] {
        let role = role(&catalogue, name);
        assert_eq!(role.public, PublicReach::Never, "{name}");
        let mut clients = role.services.iter().flat_map(|s| &s.clients);
        assert!(clients.all(|client| client.network == Network::Private), "{name}");
    }
}

#[test]
fn services_promise_what_the_vendor_s_page_says_of_their_roles() {
    use Encrypted::{Always, No, Optional};
    let catalogue = Catalogue::built_in();
    let promised = |name: &str| service(&catalogue, name).promise.clone().expect(name);
    for (name, speaks, encrypted, authenticated) in [
        ("web", Speaks::Https, Always, true),
        ("controller", Speaks::Https, Always, false),
        ("sip", Speaks::Sip, No, true),
        ("sip-tls", Speaks::Sips, Always, true),
        ("pbx-sip", Speaks::Sip, No, true),
        ("xmpp-client", Speaks::Xmpp, Optional, true),
        ("xmpp-server", Speaks::XmppServer, Optional, true),
        ("amqp", Speaks::Amqp, No, true),
        ("mysql", Speaks::Mysql, No, true),
        ("hubring", Speaks::Redis, No, true),
        ("search", Speaks::Elasticsearch, No, true),
    ] {
        let promise = promised(name);
        assert_eq!(
            (promise.speaks, promise.encrypted, promise.authenticated),
            (speaks, encrypted, authenticated)
        );
        assert!(promise.source.contains("https://wiki.4psa.com/display/VNDOCS30/Network+Security"), "{name}");
    }
    let excepted =
        catalogue.services().filter(|(_, s)| s.promise.as_ref().is_some_and(|p| p.except.is_some()));
    assert_eq!(excepted.map(|(_, s)| s.name.as_str()).collect::<Vec<_>>(), ["hubring"]);
}

#[test]
fn worker_and_s3_listen_to_nothing() {
    let catalogue = Catalogue::built_in();
    for name in ["worker", "s3"] {
        assert!(role(&catalogue, name).services.is_empty());
        assert!(!role(&catalogue, name).needs.is_empty());
    }
}

#[test]
fn the_controller_is_public_to_admin_addresses_alone_and_on_request() {
    let catalogue = Catalogue::built_in();
    assert_eq!(role(&catalogue, "ic").public, PublicReach::AdminOnRequest);
    let controller = service(&catalogue, "controller");
    assert_eq!(ports(controller), ["tcp/443"]);
    assert_eq!(clients(controller, Network::Private), set(&["admin", "every-node"]));
    assert_eq!(clients(controller, Network::Public), set(&["admin"]));
}

#[test]
fn stores_admit_the_roles_that_use_them() {
    let catalogue = Catalogue::built_in();
    let with = |more: &[&str]| set(&[&SIX[..], more].concat());
    for (name, port, expected) in [
        ("amqp", vec!["tcp/5672"], with(&[])),
        ("queue-cluster", vec!["tcp/4369", "tcp/25672"], set(&["peers"])),
        ("mysql", vec!["tcp/3306"], with(&["every-node", "peers"])),
        ("hubring", vec!["tcp/11211"], with(&["peers"])),
        ("search", vec!["tcp/9200"], set(&["web", "worker", "ic", "pbx"])),
        ("search-cluster", vec!["tcp/9300"], set(&["peers"])),
    ] {
        let service = service(&catalogue, name);
        assert_eq!(ports(service), port);
        assert_eq!(clients(service, Network::Private), expected, "{name}");
    }
}

#[test]
fn customers_reach_exactly_these_ports() {
    let catalogue = Catalogue::built_in();
    let is_public = |client: &Client| client.who == Who::Public;
    let open = catalogue.services().filter(|(_, service)| service.clients.iter().any(is_public));
    let open: BTreeSet<String> = open
        .flat_map(|(role, service)| service.ports.iter().map(move |p| format!("{} {p}", role.name)))
        .collect();
    let expected = [
        "jabber tcp/5222",
        "jabber tcp/5269",
        "jabber tcp/5280",
        "pbx udp/10000-20000",
        "pbx udp/4000-5999",
        "sip tcp/5060",
        "sip tcp/5061",
        "sip udp/5060",
        "sip udp/5061",
        "web tcp/25",
        "web tcp/443",
        "web tcp/80",
        "web udp/69",
    ];
    assert_eq!(open, set(&expected));
}

#[test]
fn the_pbx_takes_signalling_from_the_proxy_alone() {
    let catalogue = Catalogue::built_in();
    let signalling = service(&catalogue, "pbx-sip");
    assert_eq!(ports(signalling), ["udp/5050", "tcp/5050"]);
    assert_eq!(clients(signalling, Network::Private), set(&["sip"]));
    assert_eq!(clients(signalling, Network::Public), set(&[]));
    assert_eq!(clients(service(&catalogue, "sip"), Network::Private), set(&["pbx"]));
}

#[test]
fn media_is_media_and_nothing_else_is() {
    let catalogue = Catalogue::built_in();
    let media: Vec<&str> =
        catalogue.services().filter(|(_, s)| s.media).map(|(_, s)| s.name.as_str()).collect();
    assert_eq!(media, ["rtp", "t38"]);
    let wide = catalogue.services().filter(|(_, s)| s.ports.iter().any(|p| p.last - p.first > 64));
    assert!(wide.into_iter().all(|(_, s)| s.media));
}

#[test]
fn new_connections_to_jabber_and_open_ssh_are_limited_with_a_reason() {
    let catalogue = Catalogue::built_in();
    let limited: Vec<&str> =
        catalogue.services().filter(|(_, s)| s.limit.is_some()).map(|(_, s)| s.name.as_str()).collect();
    assert_eq!(limited, ["xmpp-client", "xmpp-server", "xmpp-http", "ssh"]);
    for (_, service) in catalogue.services() {
        assert!(service.limit.as_ref().is_none_or(|limit| limit.reason.len() > 20), "{}", service.name);
    }
}

#[test]
fn ssh_is_for_admin_addresses_on_both_networks() {
    let catalogue = Catalogue::built_in();
    let ssh = &role(&catalogue, NODE).services[0];
    assert_eq!((ssh.name.as_str(), ports(ssh)), ("ssh", vec!["tcp/22".to_owned()]));
    assert_eq!(clients(ssh, Network::Private), set(&["admin"]));
    assert_eq!(clients(ssh, Network::Public), set(&["admin"]));
}

#[test]
fn an_own_role_replaces_one_whole_and_leaves_the_others() {
    let built_in = Catalogue::built_in();
    let text = "[role]\nname = \"web\"\ntitle = \"Ours\"\npublic = \"never\"\n";
    let own = rolewall_policy::Source::new("roles.d/web.toml", text);
    let with_own = built_in.with_overrides(&[own]).unwrap();
    assert!(role(&with_own, "web").services.is_empty());
    assert_eq!(with_own.resolve("http"), None);
    let others = |c: &Catalogue| c.roles.values().filter(|r| r.name.0 != "web").cloned().collect::<Vec<_>>();
    assert_eq!(others(&with_own), others(&built_in));
    assert_eq!(built_in.with_overrides(&[]).unwrap(), built_in);
}

#[test]
fn no_process_on_a_port_is_evidence_of_two_roles() {
    let catalogue = Catalogue::built_in();
    let services: Vec<(&Role, &Service)> = catalogue.services().collect();
    for (role, service) in &services {
        for (other, their) in services.iter().filter(|(other, _)| other.name != role.name) {
            let process = service.processes.iter().find(|process| their.processes.contains(process));
            let known = |s: &Service| s.ports.iter().chain(&s.also).copied().collect::<Vec<_>>();
            let port = known(service).into_iter().find(|p| known(their).iter().any(|q| q.overlaps(*p)));
            if let (Some(process), Some(port)) = (process, port) {
                panic!("{process} on {port} is evidence of {} and of {}", role.name, other.name);
            }
        }
    }
}
