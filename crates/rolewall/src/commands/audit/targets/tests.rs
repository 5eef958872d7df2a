//! Who is asked from which node, and who never is.

use super::*;
use rolewall_evidence::{Endpoint, Found, Holder, Listening};
use rolewall_policy::{Settings, Source, inventory, observe, plan};

const CLUSTER: &str = r#"
[cluster]
name    = "voice"
private = ["10.20.0.0/16"]

[[node]]
name    = "sip1"
private = ["10.20.0.11"]
public  = ["192.0.2.11"]
roles   = ["sip"]

[[node]]
name    = "web1"
private = ["10.20.0.31"]
public  = ["192.0.2.31"]
roles   = ["web", "ic"]

[[node]]
name    = "db1"
private = ["10.20.0.21", "fd20::21"]
public  = ["192.0.2.21"]
roles   = ["sql", "dd", "es"]
ports   = { sql = ["tcp/3307"] }
"#;

/// The targets of a node: here, elsewhere; with these sockets and these addresses bound.
fn targets(node: &str, sockets: &[Listening], bound: &[&str]) -> (Vec<Target>, Vec<Target>) {
    targets_with(&Catalogue::built_in(), node, &Found::default(), sockets, bound)
}

/// The same with what configuration files say.
fn targets_with(
    catalogue: &Catalogue,
    node: &str,
    files: &Found,
    sockets: &[Listening],
    bound: &[&str],
) -> (Vec<Target>, Vec<Target>) {
    let inventory = inventory::parse(&[Source::new("cluster.toml", CLUSTER)], catalogue).unwrap();
    let settings = Settings::default();
    let found = inventory.nodes.iter().find(|n| n.name.0 == node).unwrap();
    let observed = observe(catalogue, files, Some(sockets));
    let me = Me::from_node(found, &observed);
    let inputs = plan::Inputs { catalogue, inventory: &inventory, settings: &settings, me: &me };
    let plan = plan::derive(inputs);
    let addresses: Vec<IpAddr> = bound.iter().map(|ip| ip.parse().unwrap()).collect();
    let known = Known {
        catalogue,
        inventory: &inventory,
        me: &me,
        plan: &plan,
        observed: &observed,
        addresses: &addresses,
    };
    (known.here(), known.elsewhere())
}

fn listening(process: &str, address: Address, port: u16) -> Listening {
    Listening {
        transport: Transport::Tcp,
        address,
        port,
        holder: Some(Holder { name: process.into(), id: 1, unit: None }),
    }
}

/// `node service address:port ...`
fn lines(targets: &[Target]) -> Vec<String> {
    let line = |t: &Target| {
        let addresses: Vec<String> = t.addresses.iter().map(ToString::to_string).collect();
        format!("{} {} {}", t.node, t.service, addresses.join(" "))
    };
    targets.iter().map(line).collect()
}

#[test]
fn a_node_asks_the_servers_of_which_it_is_a_client_and_customers_ports_that_it_may_reach() {
    let (_, elsewhere) = targets("sip1", &[], &[]);
    assert_eq!(
        lines(&elsewhere),
        [
            "web1 controller 10.20.0.31:443",
            "web1 web 192.0.2.31:80",
            "web1 web 192.0.2.31:443",
            "db1 hubring 10.20.0.21:11211 [fd20::21]:11211",
            "db1 mysql 10.20.0.21:3307 [fd20::21]:3307",
        ]
    );
}

#[test]
fn stores_are_never_asked_at_their_public_addresses() {
    for node in ["sip1", "web1"] {
        let (_, elsewhere) = targets(node, &[], &[]);
        assert!(!lines(&elsewhere).join("\n").contains("192.0.2.21"), "{node}");
    }
}

#[test]
fn a_wildcard_is_asked_as_clients_see_it_and_over_loopback_where_that_fails() {
    let sockets = [listening("mariadbd", Address::Every, 3307)];
    let (here, _) = targets("db1", &sockets, &["10.20.0.21", "198.51.100.9"]);
    assert!(
        lines(&here).contains(&"db1 mysql 10.20.0.21:3307 127.0.0.1:3307 [::1]:3307".to_owned()),
        "{here:?}"
    );
    let v4 = Address::One(Ipv4Addr::UNSPECIFIED.into());
    let (here, _) = targets("db1", &[listening("mariadbd", v4, 3307)], &["10.20.0.21", "fd20::21"]);
    assert!(lines(&here).contains(&"db1 mysql 10.20.0.21:3307 127.0.0.1:3307".to_owned()), "{here:?}");
}

#[test]
fn a_service_bound_to_one_address_is_asked_there_and_nowhere_else() {
    let sockets = [listening("redis-server", Address::One(Ipv4Addr::LOCALHOST.into()), 6379)];
    let (here, _) = targets("db1", &sockets, &["10.20.0.21"]);
    let hubring: Vec<String> = lines(&here).into_iter().filter(|l| l.contains("6379")).collect();
    assert_eq!(hubring, ["db1 hubring 127.0.0.1:6379"]);
}

#[test]
fn what_the_inventory_declares_is_asked_though_no_socket_shows_it() {
    let (here, _) = targets("web1", &[listening("nginx", Address::Every, 443)], &["10.20.0.31"]);
    let services: Vec<(&str, u16)> = here.iter().map(|t| (t.service.as_str(), t.port)).collect();
    assert_eq!(services, [("web", 443), ("controller", 443), ("web", 80)]);
}

#[test]
fn a_process_that_no_role_knows_is_not_asked() {
    let (here, _) = targets("sip1", &[listening("sleep", Address::Every, 8080)], &["10.20.0.11"]);
    assert!(here.iter().all(|t| t.port != 8080));
}

#[test]
fn a_further_site_of_a_web_server_is_not_asked() {
    // A file of a role replaces it whole.
    let role = "[role]\nname = \"web\"\ntitle = \"Web\"\npublic = \"customers\"\n[[service]]\nname = \"web\"\n\
        ports = [\"tcp/443\"]\nevidence = [\"memcached/http\"]\npurpose = \"p\"\nstatus = \"assumed\"\n\
        source = \"s\"\n[service.promise]\nspeaks = \"https\"\nencrypted = \"always\"\n\
        authenticated = true\nstatus = \"assumed\"\nsource = \"s\"\n";
    let catalogue = Catalogue::built_in_with(&[Source::new("web.toml", role)]).unwrap();
    let site = |port| Endpoint {
        service: "memcached".into(),
        purpose: Some("http"),
        transport: Transport::Tcp,
        address: Address::Every,
        ports: (port, port),
        tls: None,
        evidence: Vec::new(),
    };
    let files = Found { endpoints: vec![site(443), site(8080)], ..Found::default() };
    let (here, _) = targets_with(&catalogue, "web1", &files, &[], &["10.20.0.31"]);
    let ports: Vec<u16> = here.iter().filter(|t| t.role.0 == "web").map(|t| t.port).collect();
    assert_eq!(ports, [443]);
}
