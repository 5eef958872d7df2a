local http = "52" .. "90"
local inside = { "10.1.0.5" }
modules_enabled = { "bosh" }
modules_enabled = modules_enabled + { "net_multiplex" }
http_ports = { http }
http_interfaces = inside
c2s_ports = { tonumber(os.getenv("C2S_PORT")) or 5222 }
s2s_ports = { ENV_S2S_PORT }
if os.getenv("TLS") == "1" then
    https_ports = { 443 }
else
    https_ports = { 5281 }
end
local function two()
    if true then return 2 end
    c2s_ports = { 1 }
end
function three() while true do ports = { 3 } end end
for i = 1, 3 do
    c2s_direct_tls_ports = { 5223 }
end
ports = { 5000 }
ssl_ports = nil
table.insert(ports, 5001)
do
    proxy65_ports = { 7777 }
end
VirtualHost "example.com"
