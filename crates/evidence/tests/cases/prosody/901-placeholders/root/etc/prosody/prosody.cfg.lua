{{ $level := "info" }}
log = {{ levels = { min = "info" }, to = "syslog" }}
c2s_ports = { {{ c2s_port }} }
s2s_interfaces = { "MY_ADDRESS" }
modules_enabled = {
    "tls";
{{ if .Env.MODULES }}
    "proxy65";
{{ end }}
}
{% if bosh %}
component_ports = { 5350 }
{% endif %}
https_ports = {{ https_port }}
VirtualHost "example.com"
Component "gateway.example.com"
Include "/etc/prosody/absent.cfg.lua"
