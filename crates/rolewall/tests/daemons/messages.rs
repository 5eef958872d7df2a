//! RabbitMQ, ejabberd and Prosody.

use crate::host::Daemon;

const RABBITMQ: &str = "install -d -o rabbitmq /run/rabbitmq && exec rabbitmq-server";
const EJABBERD: &str = "install -d -o ejabberd /run/ejabberd && exec ejabberdctl foreground";
const PROSODY: &str = "install -d -o prosody /run/prosody && exec su -s /bin/sh prosody -c 'exec prosody -F'";

#[test]
fn rabbitmq_as_packaged() {
    Daemon { services: &["rabbitmq"], files: &[], start: RABBITMQ }.opens_what_is_read();
}

#[test]
fn rabbitmq_with_listeners_and_plugins() {
    let conf = "\
listeners.tcp.local = 127.0.0.1:5673
listeners.tcp.inside = 10.20.0.11:5672
management.tcp.port = 15680
management.tcp.ip = 127.0.0.1
";
    let env = "NODE_PORT=5690\nDIST_PORT=25700\n";
    let files = &[
        ("/etc/rabbitmq/rabbitmq.conf", conf),
        ("/etc/rabbitmq/rabbitmq-env.conf", env),
        ("/etc/rabbitmq/enabled_plugins", "[rabbitmq_management, rabbitmq_web_stomp].\n"),
    ];
    Daemon { services: &["rabbitmq"], files, start: RABBITMQ }.opens_what_is_read();
}

#[test]
fn ejabberd_with_pinned_distribution() {
    let yml = "\
hosts:
  - localhost
listen:
  - port: 5222
    ip: \"::\"
    module: ejabberd_c2s
  - port: 5269
    ip: 10.20.0.11
    module: ejabberd_s2s_in
  - port: 5280
    ip: 127.0.0.1
    module: ejabberd_http
  - port: 3478
    ip: 192.0.2.11
    transport: udp
    module: ejabberd_stun
    turn_ipv4_address: 192.0.2.11
";
    let files = &[
        ("/etc/ejabberd/ejabberd.yml", yml),
        ("/etc/default/ejabberd", "FIREWALL_WINDOW=4200-4200\nERLANG_NODE=ejabberd@localhost\n"),
    ];
    Daemon { services: &["ejabberd"], files, start: EJABBERD }.opens_what_is_read();
}

#[test]
fn prosody_as_packaged() {
    Daemon { services: &["prosody"], files: &[], start: PROSODY }.opens_what_is_read();
}

#[test]
fn prosody_with_ports_of_its_own() {
    let conf = "\
-- c2s_ports = { 9999 }
pidfile = \"/run/prosody/prosody.pid\"
interfaces = { \"10.20.0.11\", \"::1\" }
c2s_ports = { 5222, 5322 }
s2s_ports = { 5369 }
modules_enabled = { \"c2s\", \"s2s\", \"bosh\" }
http_ports = { 5380 }
https_ports = { }
VirtualHost \"example.org\"
";
    let files = &[("/etc/prosody/prosody.cfg.lua", conf)];
    Daemon { services: &["prosody"], files, start: PROSODY }.opens_what_is_read();
}
