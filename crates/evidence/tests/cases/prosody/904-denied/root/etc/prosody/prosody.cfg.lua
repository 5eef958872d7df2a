VirtualHost "example.com"
