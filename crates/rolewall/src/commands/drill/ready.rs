//! What a drill needs of this machine, said before anything is done.
//! Not here: anything that the drill makes.

use crate::failure::Failure;
use crate::firewall::Firewall;
use rolewall_kernel::NetNs;
use rolewall_lab::LabError;

/// Says what is missing, and how to get it.
pub(super) fn ready() -> Result<(), Failure> {
    let user = rustix::process::geteuid();
    if !user.is_root() {
        return Err(Failure::host(format_args!(
            "rolewall drill makes network namespaces, which only root may; this is user {}",
            user.as_raw()
        ))
        .help(format_args!("run it as root:  sudo {} drill", own_path())));
    }
    rolewall_lab::ready().map_err(missing)?;
    has_nf_tables()
}

fn own_path() -> String {
    std::env::current_exe().map_or_else(|_| "rolewall".to_owned(), |path| path.display().to_string())
}

fn missing(error: LabError) -> Failure {
    let help = match &error {
        LabError::Missing { package, .. } => format!("apt-get install {package}"),
        _ => {
            "root is not enough inside most containers: run it on the machine itself, in a virtual machine, \
              or in a container with --privileged"
                .to_owned()
        }
    };
    Failure::host(error).help(help)
}

/// Asked in a namespace of its own, so that not even a module is loaded for the host's rules.
fn has_nf_tables() -> Result<(), Failure> {
    let asked = NetNs::create().and_then(|namespace| namespace.run(|| Firewall::open()?.look()));
    asked.map_err(Failure::host)?.map(drop).map_err(|failure| {
        Failure::host(format_args!("this kernel does not answer for nf_tables: {failure}"))
            .help("a kernel of Linux 5.10 or newer with nf_tables is needed:  modprobe nf_tables")
    })
}
