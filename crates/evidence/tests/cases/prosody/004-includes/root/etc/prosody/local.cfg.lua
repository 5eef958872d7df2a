legacy_ssl_ports = { 5223 }
s2s_direct_tls_ports = { 5270 }
s2s_interfaces = { "localhost" }
