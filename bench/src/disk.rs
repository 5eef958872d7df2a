//! A directory on disk that goes with this process, however it ends.
//! Not here: directories in memory, which the lab's hosts have.

use crate::Outcome;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Where directories on disk are made: /tmp may be in memory.
const ABOVE: &str = "/var/tmp";

/// A directory, and the process that removes it once the pipe to it is closed.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    remover: Child,
}

impl Directory {
    pub(crate) fn create() -> Outcome<Directory> {
        let path = tempfile::Builder::new().prefix("rolewall-bench-").tempdir_in(ABOVE)?.keep();
        let mut remover = Command::new("sh");
        remover.args(["-c", "cat > /dev/null; rm -rf -- \"$0\""]).arg(&path);
        // A process group of its own: a ^C at our terminal is for us, and the pipe tells it.
        remover.stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0);
        match remover.spawn() {
            Ok(remover) => Ok(Directory { path, remover }),
            Err(error) => {
                std::fs::remove_dir_all(&path)?;
                Err(error.into())
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(self.remover.stdin.take());
        let _ = self.remover.wait();
    }
}
