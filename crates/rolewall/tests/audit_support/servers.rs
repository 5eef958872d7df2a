//! Real servers in a host of a lab, each with its files below the host's own, and never through an init.
//! Not here: what an audit says of them.

use crate::support::eventually;
use rolewall_lab::{Host, Outcome, Probe, Running};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::time::Duration;

/// Longer than the slowest of them takes on a machine that is busy with other things.
const START_WITHIN: Duration = Duration::from_secs(120);

/// Whether these programs are installed; says so loudly if not, and fails where CI runs.
pub(crate) fn installed(programs: &[&str]) -> bool {
    let absent = |program: &&&str| {
        let directories = ["/usr/sbin", "/usr/bin", "/usr/lib/rabbitmq/bin"];
        !directories.iter().any(|directory| std::path::Path::new(directory).join(program).exists())
    };
    let Some(program) = programs.iter().find(absent) else { return true };
    eprintln!("SKIPPED: {program} is not installed");
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "CI must not skip what needs {program}");
    false
}

/// A directory of the host, as its processes see it.
pub(crate) fn directory(host: &Host, name: &str) -> String {
    std::fs::create_dir_all(host.files_outside().unwrap().join(name)).unwrap();
    format!("{}/{name}", host.files().display())
}

/// Starts a server, and waits until it takes connections at this address.
pub(crate) fn start(host: &Host, words: &[&str], variables: &[(&str, &str)], at: &str) -> Running {
    let command = host.command(words[0]).args(&words[1..]);
    let mut running = variables.iter().fold(command, |c, (name, value)| c.env(name, value)).spawn().unwrap();
    let at: SocketAddr = at.parse().unwrap();
    eventually(START_WITHIN, &format!("{words:?} listens at {at}"), || {
        assert!(running.is_alive(), "{}\n{}", running.stdout(), running.stderr());
        takes(host, at.ip(), at.port())
    });
    running
}

fn takes(host: &Host, ip: IpAddr, port: u16) -> bool {
    host.probe(&Probe::tcp(ip, port)).unwrap() == Outcome::Open
}

/// Runs a command to its end.
pub(crate) fn run(host: &Host, words: &[&str]) -> String {
    host.command(words[0]).args(&words[1..]).timeout(START_WITHIN).run().unwrap().ok().unwrap()
}

/// A key and a certificate for that name, signed by itself.
pub(crate) fn certificate(host: &Host, name: &str) -> (String, String) {
    let (own, key) = request(host, name);
    let certificate = format!("{own}/certificate.pem");
    let sign = ["openssl", "x509", "-req", "-copy_extensions", "copy", "-days", "30", "-signkey", &key];
    run(host, &[&sign[..], &["-in", &format!("{own}/request.pem"), "-out", &certificate]].concat());
    (key, certificate)
}

/// The same, which ended in 2020: only openssl's own authority takes dates of the past.
pub(crate) fn expired_certificate(host: &Host, name: &str) -> (String, String) {
    let (own, key) = request(host, name);
    let settings = format!(
        "[ca]\ndefault_ca = own\n[own]\ndatabase = {own}/index\nserial = {own}/serial\nnew_certs_dir = {own}\n\
         default_md = sha256\npolicy = any\ncopy_extensions = copy\n[any]\ncommonName = supplied\n"
    );
    host.write("/tls/ca.conf", settings).unwrap();
    host.write("/tls/index", "").unwrap();
    host.write("/tls/serial", "01\n").unwrap();
    let [settings, request, certificate] =
        ["ca.conf", "request.pem", "certificate.pem"].map(|n| format!("{own}/{n}"));
    let sign = ["openssl", "ca", "-batch", "-selfsign", "-notext", "-config", &settings];
    let dates = ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z", "-keyfile", &key];
    run(host, &[&sign[..], &dates, &["-in", &request, "-out", &certificate]].concat());
    (key, certificate)
}

/// A directory with a request for a certificate, and its key.
fn request(host: &Host, name: &str) -> (String, String) {
    let own = directory(host, "tls");
    let [key, request] = ["key", "request"].map(|n| format!("{own}/{n}.pem"));
    let (subject, names) = (format!("/CN={name}"), format!("subjectAltName=DNS:{name}"));
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let what = ["-subj", &subject, "-addext", &names, "-keyout", &key, "-out", &request];
    run(host, &[&["openssl", "req", "-new"], &curve[..], &what].concat());
    (own, key)
}

/// nginx with these servers of its `http` block.
pub(crate) fn nginx(host: &Host, servers: &str, at: &str) -> Running {
    let own = directory(host, "nginx");
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {own}/{kind};\n"))
        .concat();
    let text = format!(
        "daemon off; master_process off; pid {own}/pid; error_log stderr;\nevents {{}}\n\
         http {{\n  access_log off;\n{temporary}{servers}\n}}\n"
    );
    host.write("/nginx/nginx.conf", text).unwrap();
    start(host, &["nginx", "-e", "stderr", "-c", &format!("{own}/nginx.conf")], &[], at)
}

pub(crate) fn redis(host: &Host, address: &str, port: u16, more: &[&str]) -> Running {
    let own = directory(host, "redis");
    let number = port.to_string();
    let words = ["redis-server", "--port", &number, "--bind", address, "--dir", &own, "--save", ""];
    start(host, &[&words[..], more].concat(), &[], &format!("{address}:{port}"))
}

pub(crate) fn memcached(host: &Host, address: &str) -> Running {
    let words = ["memcached", "-u", "root", "-l", address, "-p", "11211", "-U", "0"];
    start(host, &words, &[], &format!("{address}:11211"))
}

/// MariaDB after these statements.
pub(crate) fn mariadb(host: &Host, statements: &str) -> Running {
    let own = directory(host, "mariadb");
    let (data, socket) = (format!("--datadir={own}/data"), format!("--socket={own}/socket"));
    let small = ["--innodb-buffer-pool-size=8M", "--innodb-log-file-size=8M"];
    let install = ["mariadb-install-db", "--no-defaults", &data, "--user=root", "--skip-test-db"];
    run(host, &[&install[..], &["--auth-root-authentication-method=normal"], &small].concat());
    let server = ["mariadbd", "--no-defaults", &data, &socket, "--user=root", "--skip-name-resolve"];
    let running = start(host, &[&server[..], &small].concat(), &[], "127.0.0.1:3306");
    run(host, &["mariadb", "--no-defaults", &socket, "-u", "root", "-e", statements]);
    running
}

/// PostgreSQL whose `pg_hba.conf` is this; it refuses to be root.
pub(crate) fn postgresql(host: &Host, hba: &str) -> Running {
    let own = directory(host, "postgresql");
    run(host, &["chown", "postgres", &own]);
    let found = run(host, &["sh", "-c", "ls -d /usr/lib/postgresql/*/bin | tail -n 1"]);
    let programs = found.trim();
    let as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"];
    let (initdb, data) = (format!("{programs}/initdb"), format!("{own}/data"));
    run(host, &[&as_postgres[..], &[&initdb, "--no-sync", "-A", "trust", "-D", &data]].concat());
    host.write("/postgresql/data/pg_hba.conf", hba).unwrap();
    let options = ["-c", "listen_addresses=*", "-c", "unix_socket_directories=", "-c", "fsync=off"];
    let server = format!("{programs}/postgres");
    let mut running =
        start(host, &[&as_postgres[..], &[&server, "-D", &data], &options].concat(), &[], "127.0.0.1:5432");
    // It takes connections before it answers them.
    running.wait_for("ready to accept connections", START_WITHIN).unwrap();
    running
}

/// RabbitMQ, its port mapper and its Erlang machine, all in the host's own processes.
pub(crate) fn rabbitmq(host: &Host, configuration: &str) -> Running {
    let own = directory(host, "rabbitmq");
    host.write("/rabbitmq/rabbitmq.conf", configuration).unwrap();
    host.write("/rabbitmq/plugins", "[].\n").unwrap();
    let path = |name: &str| format!("{own}/{name}");
    let variables = [
        ("HOME", own.clone()),
        ("RABBITMQ_NODENAME", "rabbit@localhost".to_owned()),
        ("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", path("plugins")),
        ("RABBITMQ_MNESIA_BASE", path("data")),
        ("RABBITMQ_LOG_BASE", path("log")),
        ("RABBITMQ_PID_FILE", path("pid")),
    ];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    start(host, &["/usr/lib/rabbitmq/bin/rabbitmq-server"], &variables, "127.0.0.1:5672")
}

/// Prosody for the domain `im.example.net`.
pub(crate) fn prosody(host: &Host, settings: &str) -> Running {
    let own = directory(host, "prosody");
    let text = format!(
        "run_as_root = true\npidfile = \"{own}/pid\"\ndata_path = \"{own}\"\nlog = {{ info = \"*console\" }}\n\
         modules_enabled = {{ \"saslauth\", \"tls\" }}\nmodules_disabled = {{ \"s2s\" }}\n\
         authentication = \"internal_hashed\"\n{settings}\nVirtualHost \"im.example.net\"\n"
    );
    host.write("/prosody/prosody.cfg.lua", text).unwrap();
    start(host, &["prosody", "-F", "--config", &format!("{own}/prosody.cfg.lua")], &[], "127.0.0.1:5222")
}

/// ejabberd for the domain `im.example.net`; it refuses to be root.
pub(crate) fn ejabberd(host: &Host, key: &str, certificate: &str) -> Running {
    let own = directory(host, "ejabberd");
    let together = format!("cat {key} {certificate} > {own}/both.pem");
    run(host, &["sh", "-c", &together]);
    let text = format!(
        "hosts:\n  - im.example.net\nloglevel: warning\ncertfiles:\n  - {own}/both.pem\nlisten:\n  \
         - port: 5222\n    ip: \"::\"\n    module: ejabberd_c2s\n    starttls_required: true\n  \
         - port: 5269\n    ip: \"::\"\n    module: ejabberd_s2s_in\ns2s_use_starttls: required\n"
    );
    host.write("/ejabberd/ejabberd.yml", text).unwrap();
    host.write("/ejabberd/ctl.cfg", "ERLANG_NODE=ejabberd@localhost\n").unwrap();
    run(host, &["chown", "-R", "ejabberd:", &own]);
    let path = |name: &str| format!("{own}/{name}");
    let (yml, ctl, log, spool) = (path("ejabberd.yml"), path("ctl.cfg"), path("log"), path("spool"));
    let words = ["setpriv", "--reuid=ejabberd", "--regid=ejabberd", "--clear-groups", "ejabberdctl"];
    let places =
        ["--config-dir", &own, "--config", &yml, "--ctl-config", &ctl, "--logs", &log, "--spool", &spool];
    start(host, &[&words[..], &places, &["foreground"]].concat(), &[("HOME", &own)], "127.0.0.1:5222")
}

/// What answers whatever comes with these bytes, and closes; for programs that no distribution packages.
pub(crate) fn stand_in(host: &Host, at: &str, answer: &'static [u8]) {
    let listener = host.in_namespace(|| TcpListener::bind(at).unwrap()).unwrap();
    // The thread ends with the test.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            if matches!(stream.read(&mut [0; 4096]), Ok(1..)) {
                let _ = stream.write_all(answer);
            }
        }
    });
}
