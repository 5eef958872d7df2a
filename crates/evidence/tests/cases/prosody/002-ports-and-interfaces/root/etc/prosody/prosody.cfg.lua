modules_enabled = { "tls"; "bosh"; "proxy65"; "admin_telnet"; "websocket" }
c2s_ports = { 5222, "53" .. "22" }
c2s_direct_tls_ports = { 5223 }
s2s_ports = 5269
s2s_interfaces = "127.0.0.1"
https_interfaces = { "192.0.2.10", "::" }
proxy65_interface = '2001:db8::10'

VirtualHost "example.com"
    c2s_ports = { 6222 } -- without effect here

Component "conference.example.com" "muc"
    modules_enabled = { "muc_mam" }

Component "gateway.example.com"
    component_secret = "hidden"
