c2s_ports = { 5444 }
