//! What a lab costs on this machine: set-up, commands, probes, and the load that it makes without loss.
//! Not here: any claim; it prints what it measures. Run it as root:
//! `cargo run --release -p rolewall-lab --example measure`

use rolewall_lab::{FloodSpec, Flows, HostSpec, Lab, Listen, Outcome, Probe, StormSpec};
use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    for hosts in [3, 8, 50] {
        set_up(hosts)?;
    }
    let lab = lab_of(2)?;
    commands(&lab)?;
    probes(&lab)?;
    floods(&lab)?;
    storm(&lab)
}

/// Hosts `n1` and so on, each on a private and on a public network.
fn lab_of(hosts: u8) -> Result<Lab, Box<dyn Error>> {
    let mut builder = Lab::builder().network("private").network("public");
    for n in 1..=hosts {
        let spec = HostSpec::new(format!("n{n}"));
        let spec = spec.plug("private", "eth0", &[&format!("10.20.0.{n}/16"), &format!("fd20::{n}/64")])?;
        let public = [format!("192.0.2.{n}/24"), format!("2001:db8::{n}/64")];
        builder = builder.host(spec.plug("public", "eth1", &[&public[0], &public[1]])?);
    }
    Ok(builder.up()?)
}

fn set_up(hosts: u8) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let lab = lab_of(hosts)?;
    let up = started.elapsed();
    let probes: Vec<_> = lab.hosts().iter().flat_map(|host| host.addresses()).map(Probe::ping).collect();
    let outcomes = lab.hosts()[0].probe_all(&probes)?;
    let open = outcomes.iter().filter(|outcome| **outcome == Outcome::Open).count();
    let pinged = started.elapsed() - up;
    for host in lab.hosts() {
        host.files_outside()?;
    }
    let files = started.elapsed() - up - pinged;
    let drop_started = Instant::now();
    drop(lab);
    let dropped = drop_started.elapsed();
    println!(
        "{hosts} hosts, 2 networks: up {up:.1?}; {open} of {} pings {pinged:.1?}; processes and files of all \
         {files:.1?}; dropped {dropped:.1?}",
        probes.len()
    );
    Ok(())
}

fn commands(lab: &Lab) -> Result<(), Box<dyn Error>> {
    let (client, server) = (lab.host("n1")?, lab.host("n2")?);
    let started = Instant::now();
    for _ in 0..100 {
        client.command("true").run()?.ok()?;
    }
    println!("`true` in a host: {:.2?} each", started.elapsed() / 100);
    let started = Instant::now();
    let sshd = server.sshd(22)?;
    println!("sshd listens after {:.1?}", started.elapsed());
    let login = sshd.login(client, address(server, "private"))?;
    let started = Instant::now();
    login.run("true")?.ok()?;
    println!("`ssh true`: {:.1?}", started.elapsed());
    Ok(())
}

fn probes(lab: &Lab) -> Result<(), Box<dyn Error>> {
    let (client, server) = (lab.host("n1")?, lab.host("n2")?);
    let to = address(server, "private");
    let _serves = server.serve(Listen::new().tcp(1..=1000).udp(1..=1000))?;
    let nobody: IpAddr = "10.20.77.77".parse()?;
    let silent: Vec<_> = (1..=2000).map(|port| Probe::tcp(nobody, port)).collect();
    let open: Vec<_> = (1..=1000).flat_map(|port| [Probe::tcp(to, port), Probe::udp(to, port)]).collect();
    let refused: Vec<_> = (2001..=4000).map(|port| Probe::tcp(to, port)).collect();
    for (what, probes) in [("silent", silent), ("open", open), ("refused", refused)] {
        let started = Instant::now();
        let outcomes = client.probe_all(&probes)?;
        let took = started.elapsed();
        let mut counts = std::collections::BTreeMap::new();
        outcomes.iter().for_each(|outcome| *counts.entry(outcome.to_string()).or_insert(0) += 1);
        println!("2000 {what} probes: {took:.1?} {counts:?}");
    }
    Ok(())
}

fn floods(lab: &Lab) -> Result<(), Box<dyn Error>> {
    let (client, server) = (lab.host("n1")?, lab.host("n2")?);
    for (flows, rate_pps) in [(Flows::One, 50_000), (Flows::One, 100_000), (Flows::Fresh, 50_000)] {
        let to = SocketAddr::new(address(server, "private"), 4000);
        let duration = Duration::from_secs(2);
        let spec = FloodSpec { to, from: address(client, "private"), rate_pps, duration, flows };
        let report = client.flood(server, &spec)?.wait();
        let (lost, overflowed, took) = (report.lost(), report.overflowed, report.took);
        println!(
            "{flows:?} at {rate_pps} pps: {} sent in {took:.2?}, {lost} lost, {overflowed} of them by the receiver",
            report.sent
        );
    }
    Ok(())
}

fn storm(lab: &Lab) -> Result<(), Box<dyn Error>> {
    let (client, server) = (lab.host("n1")?, lab.host("n2")?);
    let _serves = server.serve(Listen::new().tcp([80]))?;
    let (to, duration) = (SocketAddr::new(address(server, "private"), 80), Duration::from_secs(2));
    let spec = StormSpec { to, from: None, rate_per_s: 5000, duration, timeout: Duration::from_secs(1) };
    let report = client.tcp_storm(&spec)?;
    println!("storm: {} of {} connections, slowest {:.1?}", report.opened, report.attempted, report.slowest);
    Ok(())
}

fn address(host: &rolewall_lab::Host, network: &str) -> IpAddr {
    host.ipv4(network).map_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), IpAddr::V4)
}
