-- Options below this host are those of the whole server.
Host "*"
	interfaces = { "127.0.0.1" }
	modules_enabled = {
		"net_proxy"; "mqtt"; "munin"; "statistics";
		-- Clients, which do not load http.
		"muc_http_auth"; "http_upload_external"; "log_http";
	}
	c2s_ports = { }
	s2s_ports = { 15268 }
	proxy_port_mappings = {
		[15222] = "c2s",
		[15269] = "s2s",
	}
	munin_ports = { 4950 }
	munin_interfaces = { "192.0.2.9" }

Host "example.net"
