Component "proxy.example.com" "proxy65"
  proxy65_address = "192.0.2.10"
