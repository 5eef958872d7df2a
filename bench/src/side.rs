//! One side of a comparison: a host of its own with its files, and the command that loads the policy there.
//! Not here: what is compared.

use crate::Outcome;
use crate::child::{self, Cost};
use crate::cli::{Cli, FilesOptions, Place};
use crate::cluster::Cluster;
use crate::disk::Directory;
use crate::ours::{self, File};
use crate::peers::Peer;
use clap::ValueEnum;
use rolewall_kernel::Nft;
use rolewall_lab::Host;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A daemon that reads files of thousands of nodes is slow to start.
const SET_UP_TIMEOUT: Duration = Duration::from_secs(120);

/// Who loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Rolewall,
    Peer(Peer),
}

impl Who {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Who::Rolewall => "rolewall",
            Who::Peer(peer) => peer.name(),
        }
    }
}

/// A host with the files of one side.
#[derive(Debug)]
pub(crate) struct Side<'h> {
    pub(crate) who: Who,
    pub(crate) host: &'h Host,
    /// The directory of its files, as commands in the host see it.
    pub(crate) directory: PathBuf,
    /// The program that loads the policy, with its arguments.
    pub(crate) load: Vec<String>,
    /// The same where what is loaded already may be found to be the policy: of Rolewall alone.
    look: Option<Vec<String>>,
    /// Elements or rules that its files declare; of Rolewall, whose files declare nodes, none.
    declared: Option<usize>,
    /// That directory, if it is on disk.
    on_disk: Option<Directory>,
}

impl<'h> Side<'h> {
    /// Writes the files.
    pub(crate) fn set_up(
        cli: &Cli,
        who: Who,
        host: &'h Host,
        cluster: &Cluster,
        place: Place,
    ) -> Outcome<Side<'h>> {
        let on_disk = match place {
            Place::Tmpfs => None,
            Place::Disk => Some(Directory::create()?),
        };
        let directory = on_disk.as_ref().map_or(host.files().to_owned(), |d| d.path().to_owned());
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let place = directory.display().to_string();
        let (files, load, look, declared, script) = match who {
            Who::Rolewall => {
                let rolewall = cli.rolewall()?.display().to_string();
                let look = words(&[&rolewall, "--files", &place, "apply", "--final"]);
                let load = [&look[..], &["--rebuild".to_owned()]].concat();
                (ours::files(cluster), load, Some(look), None, None)
            }
            Who::Peer(peer) => {
                let loaded = peer.load(cluster);
                let load = loaded.command.iter().map(|word| word.replace('%', &place)).collect();
                (loaded.files, load, None, Some(loaded.elements), loaded.set_up)
            }
        };
        let side = Side { who, host, directory, load, look, declared, on_disk };
        // Every host has it.
        std::fs::create_dir_all(side.outside()?.join("var/lib"))?;
        files.into_iter().try_for_each(|file| side.write(file))?;
        if let Some(script) = script {
            let script = script.replace('%', &place);
            let ran = host.command("sh").args(["-ec", &script]).timeout(SET_UP_TIMEOUT).run()?;
            ran.ok().map_err(|error| format!("setting up {}: {error}", who.name()))?;
        }
        Ok(side)
    }

    /// The directory of its files, as this process sees it.
    fn outside(&self) -> Outcome<PathBuf> {
        Ok(self.on_disk.as_ref().map_or_else(|| self.host.files_outside(), |d| Ok(d.path().to_owned()))?)
    }

    fn write(&self, (path, content): File) -> Outcome<()> {
        let Some(on_disk) = &self.on_disk else { return Ok(self.host.write(path, content)?) };
        write_below(on_disk.path(), &path, &content)
    }

    /// Loads the policy, and says what that cost.
    pub(crate) fn load(&self) -> Outcome<Cost> {
        child::measure(self.host, &self.load)
    }

    /// What it costs to find that the policy is loaded already; none of who loads it all the same.
    pub(crate) fn look(&self) -> Outcome<Option<Cost>> {
        self.look.as_ref().map(|command| child::measure(self.host, command)).transpose()
    }

    /// How many set elements the kernel holds of it; of iptables, how many rules its files declare.
    pub(crate) fn size(&self) -> Outcome<String> {
        match self.who {
            Who::Peer(Peer::IptablesRestore | Peer::Iptables | Peer::Ufw) => {
                Ok(format!("{} rules", self.declared.unwrap_or_default()))
            }
            Who::Peer(Peer::Ipset | Peer::Firewalld | Peer::Foomuuri) => {
                Ok(self.declared.unwrap_or_default().to_string())
            }
            Who::Rolewall | Who::Peer(Peer::NftRolemap | Peer::NftSets) => {
                let ruleset =
                    self.host.in_namespace(|| Nft::open().and_then(|mut nft| nft.read_ruleset()))??;
                let sets = ruleset.tables.iter().flat_map(|table| &table.sets);
                Ok(sets.map(|set| set.elements.len()).sum::<usize>().to_string())
            }
        }
    }
}

/// `files`: what each side would load.
pub(crate) fn write_all(options: &FilesOptions) -> Outcome<()> {
    let cluster = Cluster::of(options.nodes);
    let peers = Peer::value_variants().iter().map(|peer| (peer.name(), peer.load(&cluster).files));
    let sides = std::iter::once((Who::Rolewall.name(), ours::files(&cluster))).chain(peers);
    for (name, files) in sides {
        let directory = options.directory.join(name);
        files.iter().try_for_each(|(path, content)| write_below(&directory, path, content))?;
        println!("{}", directory.display());
    }
    Ok(())
}

fn write_below(directory: &Path, path: &str, content: &str) -> Outcome<()> {
    let file = directory.join(path.trim_start_matches('/'));
    file.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    Ok(std::fs::write(file, content)?)
}
