c2s_ports = { 5333 }
