use_ipv6 = false
local_interfaces = { "10.1.0.5" }
interfaces = { "*" }
modules_disabled = { "s2s" }
http_ports = { 80 }
https_ports = { }
VirtualHost "off.example.com" { enabled = false, modules_enabled = { "proxy65" } }
VirtualHost "b.example.com"
    modules_enabled = { "websocket" }
VirtualHost("c.example.com")
    modules_disabled = { "c2s" }
Component "files.example.com" "http_file_share"
