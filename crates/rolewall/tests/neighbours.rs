//! Beside other firewalls: ufw, firewalld and fail2ban themselves, and the rules that CrowdSec, Docker and libvirt
//! make. Each comes before ours and after it, is used, and keeps all that it has; ours stays as it is, and says so.
//! Not here: rules by hand and what a take-over does to them (`commands_others`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use rolewall_lab::{Host, Listen};
use support::program::{PATIENCE, Program, described};
use support::scene::{CLOSED, OPEN, Who, cluster, hosts, scene, settings, tcp};
use support::{can_run, nft, theirs};

/// A firewall that is not ours. Its scripts run in the host, whose mounts and `/run` are its own: whatever they write
/// of `/etc` is a copy, bound there first.
struct Neighbour {
    /// What makes its rules: a failure names it.
    program: &'static str,
    start: &'static str,
    /// What its owner does with it on any other day.
    work: &'static str,
    /// What `nft list ruleset` has after it, each.
    shows: &'static [&'static str],
}

/// A tree of files of the machine that the host may write.
const COPY: &str =
    "copy() { mkdir -p /run/copies$1; cp -a $1/. /run/copies$1/; mount --bind /run/copies$1 $1; }\n";

const UFW: Neighbour = Neighbour {
    program: "ufw",
    start: "copy /etc/ufw && cp -a /etc/default/ufw /run/default &&
        sed -i 's/^IPT_MODULES=.*/IPT_MODULES=\"\"/' /run/default && mount --bind /run/default /etc/default/ufw &&
        ufw allow 443/tcp && ufw --force enable",
    work: "ufw allow 8443/tcp && ufw deny from 192.0.2.66 && ufw reload",
    shows: &["dport 8443", "192.0.2.66", "ufw-user-input", "ufw6-user-input"],
};

const FIREWALLD: Neighbour = Neighbour {
    program: "firewalld",
    start: "copy /etc/firewalld && mkdir -p /run/dbus /run/firewalld &&
        dbus-daemon --system --fork --nopidfile && (setsid firewalld --nofork --nopid >/run/said 2>&1 &)
        for i in $(seq 200); do firewall-cmd --state >/dev/null 2>&1 && break; sleep 0.1; done
        firewall-cmd --add-port=443/tcp",
    work: "firewall-cmd --add-port=8443/tcp && firewall-cmd --add-rich-rule='rule family=ipv4 source \
           address=192.0.2.66 drop'",
    shows: &["table inet firewalld", "dport 8443", "192.0.2.66"],
};

const FAIL2BAN: Neighbour = Neighbour {
    program: "fail2ban-server",
    start: "copy /etc/fail2ban && mkdir -p /run/fail2ban && : >/run/log &&
        rm -f /etc/fail2ban/jail.d/* && printf '[DEFAULT]\\nbanaction = nftables[type=multiport]\\n\
        [sip]\\nenabled = true\\nfilter = sshd\\nbackend = polling\\nlogpath = /run/log\\nport = 5060\\n' \
        >/etc/fail2ban/jail.d/sip.conf && printf '[Definition]\\ndbfile = :memory:\\nlogtarget = /run/said\\n' \
        >/etc/fail2ban/fail2ban.local && fail2ban-client start && fail2ban-client set sip banip 192.0.2.65",
    work: "fail2ban-client set sip banip 192.0.2.66; fail2ban-client set sip unbanip 192.0.2.65
        for i in $(seq 100); do nft list ruleset | grep -q 192.0.2.66 && break; sleep 0.1; done",
    shows: &["table inet f2b-table", "192.0.2.66"],
};

/// The tables and the set of a bouncer: elements that come and go by themselves.
const CROWDSEC: Neighbour = Neighbour {
    program: "nft",
    start: "nft -f - <<E
table ip crowdsec {
	set blacklists { type ipv4_addr; flags timeout; elements = { 192.0.2.65 timeout 4h } }
	chain input { type filter hook input priority -10; policy accept; ip saddr @blacklists counter drop; }
}
E",
    work: "nft add element ip crowdsec blacklists { 192.0.2.66 timeout 4h }",
    shows: &["192.0.2.65 timeout 4h", "192.0.2.66 timeout 4h"],
};

/// A bridge with published ports, by iptables-nft, in the chains that Docker makes.
const DOCKER: Neighbour = Neighbour {
    program: "iptables-nft",
    start: "ip link add docker0 type bridge && ip addr add 172.30.0.1/24 dev docker0 && ip link set docker0 up &&
        iptables-nft-restore -n <<E
*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.30.0.0/24 ! -o docker0 -j MASQUERADE
-A DOCKER ! -i docker0 -p tcp --dport 8088 -j DNAT --to-destination 172.30.0.2:80
COMMIT
*filter
:DOCKER - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A DOCKER -d 172.30.0.2/32 ! -i docker0 -o docker0 -p tcp --dport 80 -j ACCEPT
-A DOCKER-USER -j RETURN
COMMIT
E",
    work: "iptables-nft -t nat -A DOCKER ! -i docker0 -p tcp --dport 8089 -j DNAT --to-destination 172.30.0.3:80 &&
        iptables-nft -A DOCKER -d 172.30.0.3 ! -i docker0 -o docker0 -p tcp --dport 80 -j ACCEPT",
    shows: &["chain DOCKER-USER", "dport 8088", "dport 8089"],
};

/// A guests' bridge: its DNS and DHCP, its guests' way out, all else refused.
const LIBVIRT: Neighbour = Neighbour {
    program: "iptables-nft",
    start:
        "ip link add virbr0 type bridge && ip addr add 172.31.0.1/24 dev virbr0 && ip link set virbr0 up &&
        iptables-nft-restore -n <<E
*filter
:LIBVIRT_INP - [0:0]
:LIBVIRT_FWO - [0:0]
-I INPUT -j LIBVIRT_INP
-I FORWARD -j LIBVIRT_FWO
-A LIBVIRT_INP -i virbr0 -p udp --dport 53 -j ACCEPT
-A LIBVIRT_INP -i virbr0 -p udp --dport 67 -j ACCEPT
-A LIBVIRT_FWO -s 172.31.0.0/24 -i virbr0 -j ACCEPT
-A LIBVIRT_FWO -i virbr0 -j REJECT
COMMIT
*nat
:LIBVIRT_PRT - [0:0]
-A POSTROUTING -j LIBVIRT_PRT
-A LIBVIRT_PRT -s 172.31.0.0/24 ! -d 172.31.0.0/24 -j MASQUERADE
COMMIT
E",
    work: "iptables-nft -I LIBVIRT_INP -i virbr0 -p tcp --dport 53 -j ACCEPT",
    shows: &["LIBVIRT_PRT", "tcp dport 53"],
};

/// What is not ours, with every handle, and apart from it the packets and bytes of every counter: these may grow
/// while neighbours are discovered, and nothing else may change.
struct Theirs {
    text: String,
    counters: Vec<u64>,
}

impl Theirs {
    fn of(host: &Host) -> Theirs {
        let mut found = Theirs { text: String::new(), counters: Vec::new() };
        let listed = theirs(host);
        let mut before = "";
        for word in listed.split([' ', '\n']) {
            match (before, word.parse()) {
                ("packets" | "bytes", Ok(count)) => found.counters.push(count),
                ("expires", _) => {}
                _ => found.text += &format!("{word} "),
            }
            before = word;
        }
        found
    }

    /// That these have lost nothing since `before`.
    #[track_caller]
    fn kept_all_of(&self, before: &Theirs, after: &str) {
        assert_eq!(self.text, before.text, "after {after}");
        let grown = self.counters.iter().zip(&before.counters).all(|(now, then)| now >= then);
        assert!(grown, "after {after}: a counter went back: {:?}, {:?}", before.counters, self.counters);
    }
}

impl Neighbour {
    fn does(&self, host: &Host, script: &str) {
        let ran =
            host.command("sh").args(["-ec", &format!("{COPY}{script}")]).timeout(PATIENCE).run().unwrap();
        assert_eq!(ran.code(), Some(0), "{}: {}\n{}", self.program, ran.stdout(), ran.stderr());
    }

    #[track_caller]
    fn is_at_work(&self, host: &Host) {
        let listed = nft(host, &["list", "ruleset"]);
        for shown in self.shows {
            assert!(listed.contains(shown), "{}: `{shown}` is not in:\n{listed}", self.program);
        }
    }

    /// It is there, then ours comes, is changed, goes and comes again.
    fn before_ours(&self) {
        let lab = scene();
        let node = hosts(&lab).0;
        self.does(node, self.start);
        node.configure(&cluster(&["web"], ""), &settings(""));
        let before = Theirs::of(node);
        for command in [
            &["apply"][..],
            &["confirm"],
            &["apply", "--rebuild"],
            &["revert"],
            &["node", "add", "n9", "--private", "10.20.5.5", "--role", "web"],
            &["node", "remove", "n9"],
            &["panic"],
            &["resume"],
            &["disable"],
            &["enable"],
            &["boot"],
            &["status"],
        ] {
            let finished = node.run(command);
            assert!(matches!(finished.code(), Some(0 | 1)), "{}: {}", self.program, described(&finished));
            Theirs::of(node).kept_all_of(&before, &format!("{command:?}"));
        }
        self.does(node, self.work);
        self.is_at_work(node);
        node.expect(0, &["status"]);
    }

    /// Ours is there, then it comes and is used: ours is not touched, and decides as before.
    fn after_ours(&self) {
        let lab = scene();
        let node = hosts(&lab).0;
        let _served = node.serve(Listen::new().tcp([443, 4433])).unwrap();
        node.configure(&cluster(&["web"], ""), &settings(""));
        node.expect(0, &["apply", "--final"]);
        let ours = || nft(node, &["--stateless", "--handle", "list", "table", "inet", "rolewall"]);
        let loaded = ours();
        self.does(node, self.start);
        self.does(node, self.work);
        self.is_at_work(node);
        assert_eq!(ours(), loaded, "{}", self.program);
        node.expect(0, &["status"]);
        assert_eq!(tcp(&lab, Who::Stranger, 443), OPEN, "{}", self.program);
        assert_eq!(tcp(&lab, Who::Stranger, 4433), CLOSED, "{}", self.program);
        let before = Theirs::of(node);
        for command in
            [&["apply", "--rebuild"][..], &["revert"], &["apply", "--final", "--rebuild"], &["disable"]]
        {
            node.expect(0, command);
            Theirs::of(node).kept_all_of(&before, &format!("{command:?}"));
        }
    }
}

macro_rules! neighbours {
    ($($name:ident: $neighbour:ident,)*) => {
        mod comes_before_ours {
            $(#[test] fn $name() { if super::can_run() { super::$neighbour.before_ours() } })*
        }
        mod comes_after_ours {
            $(#[test] fn $name() { if super::can_run() { super::$neighbour.after_ours() } })*
        }
    };
}

neighbours! {
    ufw: UFW,
    firewalld: FIREWALLD,
    fail2ban: FAIL2BAN,
    crowdsec_s_set: CROWDSEC,
    docker_s_rules: DOCKER,
    libvirt_s_rules: LIBVIRT,
}
