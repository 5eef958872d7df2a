VirtualHost "example.com"
Include "prosody.cfg.lua"
if x then
