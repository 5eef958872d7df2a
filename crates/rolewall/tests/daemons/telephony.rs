//! Kamailio and rtpengine.

use crate::host::Daemon;

const KAMAILIO: &str = "mkdir -p /run/kamailio && exec kamailio -DD -E -f /etc/kamailio/kamailio.cfg";
const RTPENGINE: &str =
    "exec rtpengine --foreground --table=-1 --log-stderr --config-file=/etc/rtpengine/rtpengine.conf";

#[test]
fn kamailio_with_defines_includes_and_every_sort_of_listen() {
    let cfg = "\
#!KAMAILIO
#!define WITH_INSIDE
#!substdef \"!PORT_OF_INSIDE!5090!g\"
debug=2
log_stderror=yes
children=1
tcp_children=1
/* listen=udp:192.0.2.11:9999 */
listen=udp:192.0.2.11:5060
listen=tcp:192.0.2.11:5060 advertise 198.51.100.11:5060
listen=udp:[2001:db8::11]:5070
#!ifdef WITH_INSIDE
listen=udp:eth1:PORT_OF_INSIDE
#!else
listen=udp:192.0.2.11:9998
#!endif
include_file \"more.cfg\"
loadmodule \"sl.so\"
request_route { sl_send_reply(\"200\", \"listen=udp:1.2.3.4\"); }
";
    let files =
        &[("/etc/kamailio/kamailio.cfg", cfg), ("/etc/kamailio/more.cfg", "listen=tcp:127.0.0.1:5080\n")];
    Daemon { services: &["kamailio"], files, start: KAMAILIO }.opens_what_is_read();
}

#[test]
fn rtpengine_with_control_ports() {
    let conf = "\
[other]
listen-ng = 127.0.0.1:9999
[rtpengine]
interface = 192.0.2.11
listen-ng = 127.0.0.1:2223
listen-cli = 127.0.0.1:9900
port-min = 30000
port-max = 30100
";
    let files = &[("/etc/rtpengine/rtpengine.conf", conf)];
    Daemon { services: &["rtpengine"], files, start: RTPENGINE }.opens_what_is_read();
}
