-- Prosody: no port is named at all.
admins = { }
modules_enabled = {
    "roster"; -- lists of contacts
    "saslauth", "tls";
    --"bosh";
    --[[ "websocket";
    ]]
    --[==[ "proxy65"; ]==]
}
authentication = "internal_hashed"
log = {
    info = "/var/log/prosody/prosody.log";
    { levels = { "error" }; to = "syslog"; };
}
VirtualHost "localhost"
Include "conf.d/*.cfg.lua"
