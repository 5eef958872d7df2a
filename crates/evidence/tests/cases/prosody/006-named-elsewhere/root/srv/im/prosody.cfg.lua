VirtualHost "example.com"
Include "/etc/prosody/conf.d/*.cfg.lua"
