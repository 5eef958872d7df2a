//! What files and sockets say, met by real packets: the ports that count are open, and no others.
//! Not here: how each program's files are read (crate `evidence`, and the daemons themselves).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Host, Lab, Listen};
use support::can_run;
use support::program::Program;
use support::scene::{Who, cluster, hosts, scene, settings, tcp_open, udp_open};

/// The scene, its node with these roles and these files of services.
fn with_files(roles: &[&str], more_of_node: &str, files: &[(&str, &str)]) -> Lab {
    let lab = scene();
    let node = hosts(&lab).0;
    node.configure(&cluster(roles, more_of_node), &settings(""));
    files.iter().for_each(|(path, content)| node.write(path, content).unwrap());
    lab
}

fn apply(node: &Host) {
    node.expect(0, &["apply", "--final"]);
}

#[test]
fn a_configured_port_is_open_to_the_services_clients_instead_of_the_default() {
    if !can_run() {
        return;
    }
    let my_cnf = "[mysqld]\nbind-address = *\nport = 3399\n";
    let lab = with_files(&["sql"], "", &[("/etc/mysql/my.cnf", my_cnf)]);
    let node = hosts(&lab).0;
    apply(node);
    let ports = [3306, 3399];
    let _served = node.serve(Listen::new().tcp(ports)).unwrap();
    assert_eq!(tcp_open(&lab, Who::Node("web"), &ports), [3399]);
    assert_eq!(tcp_open(&lab, Who::Stranger, &ports), [0; 0]);
    node.expect(0, &["plan"]).mentions(&["sql mysql: tcp/3399 (configuration)", "/etc/mysql/my.cnf:3"]);
    // What the inventory writes counts before it, and the difference is told.
    node.configure(&cluster(&["sql"], "ports = { sql = [\"tcp/3306\"] }"), &settings(""));
    apply(node);
    assert_eq!(tcp_open(&lab, Who::Node("web"), &ports), [3306]);
    node.expect(0, &["plan"]).mentions(&["conflict: sql mysql: the inventory says tcp/3306"]);
}

#[test]
fn a_further_site_of_a_web_server_stays_closed_and_is_named() {
    if !can_run() {
        return;
    }
    let conf = "events { }\nhttp {\n server { listen 80; }\n server { listen 443 ssl; }\n server { listen 8080; }\n}\n";
    let lab = with_files(&["web"], "", &[("/etc/nginx/nginx.conf", conf)]);
    let node = hosts(&lab).0;
    apply(node);
    let ports = [80, 443, 8080];
    let _served = node.serve(Listen::new().tcp(ports)).unwrap();
    assert_eq!(tcp_open(&lab, Who::Stranger, &ports), [80, 443]);
    node.expect(0, &["plan"]).mentions(&["not opened:    tcp/8080"]);
}

#[test]
fn media_is_the_range_that_the_files_say_without_what_is_someones_own() {
    if !can_run() {
        return;
    }
    let rtp = "[general]\nrtpstart=5000\nrtpend=5100\n";
    let sip = "[transport]\ntype=transport\nprotocol=udp\nbind=0.0.0.0:5077\n";
    let fax = "[general]\nudptlstart=4000\nudptlend=4010\n";
    let files = [
        ("/etc/asterisk/rtp.conf", rtp),
        ("/etc/asterisk/pjsip.conf", sip),
        ("/etc/asterisk/udptl.conf", fax),
    ];
    let lab = with_files(&["pbx"], "", &files);
    let node = hosts(&lab).0;
    apply(node);
    let ports = [4000, 4010, 4011, 5000, 5050, 5060, 5061, 5077, 5100, 5101, 10000];
    let _served = node.serve(Listen::new().udp(ports)).unwrap();
    assert_eq!(udp_open(&lab, Who::Stranger, &ports), [4000, 4010, 5000, 5100]);
    assert_eq!(udp_open(&lab, Who::Node("sip"), &ports), [5077]);
}

#[test]
fn where_a_file_was_understood_in_part_the_defaults_stay_open_beside() {
    if !can_run() {
        return;
    }
    let cfg = "listen=udp:192.0.2.1:5070\nlisten=udp:MY_IP:5080\n";
    let lab = with_files(&["sip"], "", &[("/etc/kamailio/kamailio.cfg", cfg)]);
    let node = hosts(&lab).0;
    apply(node);
    let ports = [5060, 5070, 5080];
    let _served = node.serve(Listen::new().udp(ports)).unwrap();
    assert_eq!(udp_open(&lab, Who::Stranger, &ports), [5060, 5070]);
}

#[test]
fn the_vendors_files_say_where_to_and_with_out_enforced_only_there() {
    if !can_run() {
        return;
    }
    let disdbase = "DISDBASE_HOST x:y:z:10.20.1.18:6390\n";
    let lab = with_files(&["web"], "", &[("/etc/voipnow/disdbase.conf", disdbase)]);
    let node = hosts(&lab).0;
    let plan = node.json(&["plan"]);
    let out = plan["out"].as_array().unwrap();
    let hubring = out.iter().find(|permit| permit["why"]["service"] == "hubring").unwrap();
    assert_eq!(hubring["ports"], serde_json::json!(["tcp/6390"]));
}
