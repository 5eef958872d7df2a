modules_enabled = { "tls" }
VirtualHost "example.com"
Include "conf.d/*.cfg.lua"
Include("local.cfg.lua")
