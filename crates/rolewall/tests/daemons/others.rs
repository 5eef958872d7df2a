//! The ssh server.

use crate::host::Daemon;

const SSHD: &str = "mkdir -p /run/sshd && ssh-keygen -A > /dev/null && exec /usr/sbin/sshd -D -e";

#[test]
fn sshd_as_packaged() {
    Daemon { services: &["sshd"], files: &[], start: SSHD }.opens_what_is_read();
}

#[test]
fn sshd_with_includes_and_several_addresses() {
    let main = "Include /etc/ssh/sshd_config.d/*.conf\nPort 2022\nMatch User nobody\n  X11Forwarding no\n";
    let more = "Port 22\nListenAddress 10.20.0.11\nListenAddress [2001:db8::11]:2200\n";
    let files = &[("/etc/ssh/sshd_config", main), ("/etc/ssh/sshd_config.d/10-own.conf", more)];
    Daemon { services: &["sshd"], files, start: SSHD }.opens_what_is_read();
}
