Include "a.cfg.lua"
