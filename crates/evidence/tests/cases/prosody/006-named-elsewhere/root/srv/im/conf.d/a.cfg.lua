c2s_interfaces = { "127.0.0.1", "::1" }
