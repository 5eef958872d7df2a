admins = { {{ join "," .Env.ADMINS }} }
{{ if .Env.EXTRA }}
{{ join "\n" (splitList "," .Env.EXTRA) }}
{{ end }}
{{ if .Env.C2S_PORT }}c2s_ports = { {{ .Env.C2S_PORT }} }{{ end }}

VirtualHost "{{ .Env.DOMAIN }}"
	modules_enabled = {
		"roster";
		{{ if .Env.WEB }}
		"bosh";
		{{ end }}
		"proxy65";
	}
