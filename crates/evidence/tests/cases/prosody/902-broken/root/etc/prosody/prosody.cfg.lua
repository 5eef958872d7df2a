VirtualHost "example.com"
c2s_ports = { 5222,
modules_enabled = { "bosh" }
s2s_ports = { "5269 }
