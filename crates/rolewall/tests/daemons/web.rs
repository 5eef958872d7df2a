//! nginx, Apache, lighttpd, HAProxy and php-fpm.

use crate::host::Daemon;

const NGINX: &str = "mkdir -p /var/log/nginx && exec nginx -g 'daemon off;'";
const APACHE: &str = ". /etc/apache2/envvars && mkdir -p $APACHE_RUN_DIR $APACHE_LOCK_DIR $APACHE_LOG_DIR \
                      && exec apache2 -DFOREGROUND";
const LIGHTTPD: &str =
    "mkdir -p /run/lighttpd /var/log/lighttpd && exec lighttpd -D -f /etc/lighttpd/lighttpd.conf";
const HAPROXY: &str = "mkdir -p /run/haproxy && exec haproxy -db -f /etc/haproxy/haproxy.cfg";
const PHP: &str = "mkdir -p /run/php && exec php-fpm8.2 -F";

#[test]
fn nginx_as_packaged() {
    Daemon { services: &["nginx"], files: &[], start: NGINX }.opens_what_is_read();
}

#[test]
fn nginx_with_many_listeners() {
    let conf = "\
user www-data;
pid /run/nginx.pid;
events { }
http {
    include sites/*.conf;
    server { server_name bare.example; }
}
";
    let site = "\
server {
    listen 8080 default_server;
    listen [::]:8081 ipv6only=off;
    listen 127.0.0.1:9001-9003;
    listen localhost:9100;
    listen unix:/run/nginx-test.sock;
    listen 192.0.2.11:8080;
    listen 192.0.2.11:8090 bind;
    # listen 9999;
    location / { return 200 \"listen 7777;\"; }
}
";
    let files = &[
        ("/etc/nginx/nginx.conf", conf),
        ("/etc/nginx/sites/a.conf", site),
        ("/etc/nginx/sites/.hidden.conf", "server { listen 9998; }\n"),
    ];
    Daemon { services: &["nginx"], files, start: NGINX }.opens_what_is_read();
}

#[test]
fn apache_as_packaged() {
    Daemon { services: &["httpd"], files: &[], start: APACHE }.opens_what_is_read();
}

#[test]
fn apache_with_conditions_and_variables() {
    let ports = "\
Define inside 10.20.0.11
Listen 8080
Listen ${inside}:8081
Listen [2001:db8::11]:8082
<IfModule mod_ssl.c>
    Listen 443
</IfModule>
<IfDefine NOT_GIVEN>
    Listen 9999
</IfDefine>
<IfModule !mod_nothing.c>
    Listen 127.0.0.1:8083 http
</IfModule>
";
    let files = &[("/etc/apache2/ports.conf", ports)];
    Daemon { services: &["httpd"], files, start: APACHE }.opens_what_is_read();
}

#[test]
fn lighttpd_as_packaged() {
    Daemon { services: &["lighttpd"], files: &[], start: LIGHTTPD }.opens_what_is_read();
}

#[test]
fn lighttpd_with_sockets() {
    let conf = "\
var.base = \"/var/www\"
server.document-root = var.base + \"/html\"
server.port = 8080
server.bind = \"192.0.2.11\"
$SERVER[\"socket\"] == \"127.0.0.1:8081\" { }
$SERVER[\"socket\"] == \"[::1]:8082\" { }
";
    let files = &[("/etc/lighttpd/lighttpd.conf", conf)];
    Daemon { services: &["lighttpd"], files, start: LIGHTTPD }.opens_what_is_read();
}

#[test]
fn haproxy_with_every_sort_of_bind() {
    let conf = "\
global
    stats socket /run/haproxy/admin.sock mode 660 level admin
    stats socket ipv4@127.0.0.1:1999 level operator
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend web
    bind *:8080
    bind :::8081 v4v6
    bind ipv6@:8082 v6only
    bind 127.0.0.1:9001-9003,192.0.2.11:9100
    bind unix@/run/haproxy/web.sock
    default_backend app
listen stats
    bind 10.20.0.11:8404
    stats enable
backend app
    server one 192.0.2.50:80
";
    let files = &[("/etc/haproxy/haproxy.cfg", conf)];
    Daemon { services: &["haproxy"], files, start: HAPROXY }.opens_what_is_read();
}

#[test]
fn php_fpm_as_packaged_and_with_pools() {
    let pools = "\
[inside]
user = www-data
listen = 10.20.0.11:9000
pm = ondemand
pm.max_children = 1
[local]
user = www-data
listen = 127.0.0.1:9001
pm = ondemand
pm.max_children = 1
[six]
user = www-data
listen = [::1]:9002
pm = ondemand
pm.max_children = 1
";
    let files = &[("/etc/php/8.2/fpm/pool.d/own.conf", pools)];
    Daemon { services: &["php-fpm"], files, start: PHP }.opens_what_is_read();
}
