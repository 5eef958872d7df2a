//! The modules of Prosody that listen, with their ports, and the modules that load others.
//! Not here: which of them a configuration loads ([`super::services`]).

/// A service that a module provides.
pub(super) struct Service {
    pub(super) module: &'static str,
    /// What its options begin with.
    pub(super) prefix: &'static str,
    pub(super) ports: &'static [u16],
    /// Meant for this host only, where nothing else is said.
    pub(super) is_private: bool,
    pub(super) purpose: &'static str,
    pub(super) tls: Option<bool>,
}

const fn service(module: &'static str, prefix: &'static str, purpose: &'static str) -> Service {
    Service { module, prefix, ports: &[], is_private: false, purpose, tls: None }
}

/// As 0.12 and later have them; before, HTTP listened everywhere.
pub(super) const SERVICES: [Service; 16] = [
    Service { ports: &[5222], ..service("c2s", "c2s_", "xmpp-client") },
    Service { tls: Some(true), ..service("c2s", "c2s_direct_tls_", "xmpps-client") },
    Service { tls: Some(true), ..service("c2s", "legacy_ssl_", "xmpps-client") },
    Service { ports: &[5269], ..service("s2s", "s2s_", "xmpp-server") },
    Service { tls: Some(true), ..service("s2s", "s2s_direct_tls_", "xmpps-server") },
    Service { ports: &[5280], is_private: true, tls: Some(false), ..service("http", "http_", "http") },
    Service { ports: &[5281], tls: Some(true), ..service("http", "https_", "https") },
    Service {
        ports: &[5347],
        is_private: true,
        tls: Some(false),
        ..service("component", "component_", "xmpp-component")
    },
    Service { ports: &[5000], tls: Some(false), ..service("proxy65", "proxy65_", "proxy65") },
    Service {
        ports: &[5582],
        is_private: true,
        tls: Some(false),
        ..service("admin_telnet", "console_", "console")
    },
    // Community modules from here on.
    Service { ports: &[1883], tls: Some(false), ..service("mqtt", "mqtt_", "mqtt") },
    Service { ports: &[4949], tls: Some(false), ..service("munin", "munin_", "munin") },
    Service {
        ports: &[5782],
        is_private: true,
        tls: Some(false),
        ..service("statistics", "statistics_", "statistics")
    },
    service("net_multiplex", "", "multiplex"),
    Service { tls: Some(true), ..service("net_multiplex", "ssl_", "multiplex") },
    Service { tls: Some(false), ..service("net_proxy", "proxy_", "proxy-protocol") },
];

/// What every virtual host loads, of what listens.
pub(super) const ALWAYS: [&str; 2] = ["c2s", "s2s"];
/// What components take over from the server's list.
pub(super) const INHERITED: [&str; 1] = ["s2s"];

/// Modules that load `http`, besides those that begin with `http_`.
const WITH_HTTP: [&str; 31] = [
    "admin_web",
    "atom",
    "bosh",
    "candy",
    "conversejs",
    "invites_api",
    "invites_page",
    "invites_register_api",
    "invites_register_web",
    "landing_page",
    "muc_badge",
    "muc_census",
    "muc_end_meeting",
    "muc_jigasi_invite",
    "muc_kick_participant",
    "muc_log_http",
    "muc_size",
    "pastebin",
    "post_msg",
    "prometheus",
    "pubsub_hub",
    "pubsub_post",
    "register_apps",
    "register_web",
    "rest",
    "room_census",
    "server_status",
    "unified_push",
    "webfinger",
    "webpresence",
    "websocket",
];
/// Clients of other servers, and what `http` itself loads.
const WITHOUT_HTTP: [&str; 5] =
    ["http_errors", "http_upload_external", "http_auth_check", "http_admin_api_client", "http_roster_admin"];

/// What a module loads besides.
pub(super) fn needed(module: &str) -> Vec<&'static str> {
    let is_http = WITH_HTTP.contains(&module) || module.starts_with("http_");
    let mut others = Vec::new();
    if is_http && !WITHOUT_HTTP.contains(&module) {
        others.push("http");
    }
    match module {
        "websocket" => others.push("c2s"),
        "admin_telnet" | "admin_shell" => others.push("admin_socket"),
        _ => {}
    }
    others
}
