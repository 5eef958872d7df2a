local domain = os.getenv("XMPP_DOMAIN") or error("no domain")
local rooms = "rooms." .. domain

use_ipv6 = (ENV_USE_IPV6 == "1")

modules_enabled = {
	"roster"; "saslauth"; "tls";
	"bosh"; "proxy65";
}
c2s_interfaces = { "0.0.0.0", "::" }
https_ports = { }
http_interfaces = "198.51.100.7"

-- Whatever the name is, it is a host.
VirtualHost(domain)
	enabled = true

-- A module is no second argument: it is an external component.
Component(rooms, "muc")
	component_secret = "secret"

Component(os.getenv("UPLOAD_DOMAIN")) "http_file_share"
