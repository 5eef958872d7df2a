use crate::world::{can_run, three_hosts};
use rolewall_lab::CommandError;
use std::time::{Duration, Instant};

#[test]
fn a_command_sees_the_host_and_its_output_is_captured() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let db = lab.host("db").unwrap();
    let script = "read word; echo \"out $word $SSH_CONNECTION.\"; echo err >&2; exit 3";
    let done =
        db.command("sh").args(["-c", script]).stdin("hello\n").env("SSH_CONNECTION", "set").run().unwrap();
    assert_eq!((done.code(), &*done.stdout(), &*done.stderr()), (Some(3), "out hello set.\n", "err\n"));
    let failed = done.ok().unwrap_err().to_string();
    assert!(failed.starts_with("host db: `sh -c") && failed.contains("exit status: 3"), "{failed}");
    let ids = db.command("sh").args(["-c", "readlink /proc/self/ns/net; ls /proc/1/comm; ls /sys/class/net"]);
    let namespace = db.in_namespace(|| std::fs::read_link("/proc/thread-self/ns/net")).unwrap().unwrap();
    let expected = format!("{}\n/proc/1/comm\neth0\nlo\n", namespace.display());
    assert_eq!(ids.run().unwrap().ok().unwrap(), expected);
}

#[test]
fn a_missing_program_is_an_error_that_names_it() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let missing = lab.host("db").unwrap().command("no-such-program").arg("x").run().unwrap_err();
    assert!(
        missing.to_string().starts_with("host db: `no-such-program x`: starting it: No such file"),
        "{missing}"
    );
}

#[test]
fn a_command_that_hangs_is_killed_with_its_children() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let db = lab.host("db").unwrap();
    let started = Instant::now();
    let hangs = db
        .command("sh")
        .args(["-c", "echo begun; sleep 987 & sleep 987"])
        .timeout(Duration::from_millis(500));
    let error = hangs.run().unwrap_err();
    assert!(matches!(&error, CommandError::Timeout { stdout, .. } if stdout == "begun\n"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(2));
    // A killed process is not gone at once.
    let sleeping = || {
        db.command("sh").args(["-c", "cat /proc/[0-9]*/cmdline"]).run().unwrap().stdout().contains("sleep")
    };
    let deadline = Instant::now() + Duration::from_secs(2);
    while sleeping() && Instant::now() < deadline {}
    assert!(!sleeping());
}

#[test]
fn what_a_command_leaves_behind_does_not_hold_it_up() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let started = Instant::now();
    let done = lab.host("db").unwrap().command("sh").args(["-c", "sleep 60 & echo done"]).run().unwrap();
    assert_eq!(done.stdout(), "done\n");
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_started_command_is_waited_for_by_what_it_prints_and_killed_when_dropped() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let db = lab.host("db").unwrap();
    let mut running = db.command("sh").args(["-c", "sleep 0.05; echo ready; exec sleep 60"]).spawn().unwrap();
    running.wait_for("ready", Duration::from_secs(5)).unwrap();
    assert!(running.is_alive());
    let process = format!("/proc/{}", running.id());
    drop(running);
    assert!(!std::path::Path::new(&process).exists());
    let mut ends = db.command("true").spawn().unwrap();
    assert!(ends.wait_for("ready", Duration::from_secs(5)).is_err());
}

#[test]
fn files_of_a_host_are_its_own_and_go_with_its_power() {
    if !can_run() {
        return;
    }
    let lab = three_hosts();
    let (db, sip) = (lab.host("db").unwrap(), lab.host("sip").unwrap());
    db.write("/etc/rolewall/cluster.toml", "[cluster]\n").unwrap();
    let below = db.files().join("etc/rolewall/cluster.toml");
    assert_eq!(db.command("cat").arg(&below).run().unwrap().ok().unwrap(), "[cluster]\n");
    assert_eq!(db.read("etc/rolewall/cluster.toml").unwrap(), b"[cluster]\n");
    assert!(!sip.has("/etc/rolewall/cluster.toml").unwrap());
    assert!(!below.exists(), "the machine's own /run was written to");
    db.power_off();
    assert!(!db.has("/etc/rolewall/cluster.toml").unwrap());
    let error = db.read("/etc/none").unwrap_err().to_string();
    assert!(error.starts_with("host db: reading /etc/none: No such file"), "{error}");
}
