//! The unmodified program under ptrace(2): its n-th system call fails, or is the last thing it does.
//! Not here: which calls are chosen, and what must hold afterwards.
//!
//! A call that fails does not happen: its number is taken away before Linux sees it, and the error is put where its
//! result would be. A short write does happen, of half of the bytes. Calls are counted over all threads together.

use super::calls::{Call, Kind, Names};
use super::support::program::{PATIENCE, ROLEWALL};
use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use rolewall_lab::{Finished, Host};
use std::time::{Duration, Instant};

/// What is made to happen to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing: its calls are listed.
    None,
    /// SIGKILL as it makes its n-th system call, of any kind, which does not happen.
    Kill(usize),
    /// The n-th call of a kind that may fail so does.
    Fail(Kind, usize, Errno),
    /// The n-th call of that name about a path that ends so fails.
    FailAbout(&'static str, &'static str, usize, Errno),
    /// The n-th write to a file takes half of the bytes.
    Short(usize),
    /// Every reading of the wall clock is so many seconds off, and none is taken without a system call.
    Clock(i64),
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Traced {
    pub(crate) finished: Finished,
    /// Every call, in the order in which they began.
    pub(crate) calls: Vec<Call>,
    /// What the fault hit; none where the program never came so far.
    pub(crate) hit: Option<Call>,
}

/// Runs `rolewall` in a host, on the host's files, with a fault.
pub(crate) fn trace(host: &Host, arguments: &[&str], fault: Fault) -> Traced {
    let files = host.files().to_str().unwrap();
    trace_command(host, &[&[ROLEWALL, "--files", files], arguments].concat(), fault)
}

/// Runs any command line in a host, with a fault.
pub(crate) fn trace_command(host: &Host, words: &[&str], fault: Fault) -> Traced {
    // A thread of its own: only its tracees are waited for.
    std::thread::scope(|scope| {
        let tracing = scope.spawn(|| Tracer::new(fault).run(host, words));
        tracing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

struct Tracer {
    fault: Fault,
    calls: Vec<Call>,
    /// Threads inside a call, each with the position of that call.
    inside: Vec<(Pid, usize)>,
    hit: Option<usize>,
    /// All of it: nothing more is to be done.
    is_made: bool,
    names: Names,
    is_running: bool,
}

/// Waits until it may be traced, and then becomes the program.
const STOPPED: &str = "kill -STOP $$; exec \"$@\"";

/// Threads are followed, programs that it starts are not.
fn options() -> Options {
    let followed = Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_TRACEEXEC;
    followed | Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_EXITKILL
}

impl Tracer {
    fn new(fault: Fault) -> Tracer {
        let (calls, inside) = (Vec::new(), Vec::new());
        Tracer { fault, calls, inside, hit: None, is_made: false, names: Names::default(), is_running: false }
    }

    fn run(mut self, host: &Host, words: &[&str]) -> Traced {
        let command = host.command("sh").args(["-c", STOPPED, "sh"]).args(words);
        let running = command.timeout(PATIENCE).spawn().unwrap();
        let leader = Pid::from_raw(running.id().cast_signed());
        await_stop(leader);
        ptrace::seize(leader, options()).unwrap();
        kill(leader, Signal::SIGCONT).unwrap();
        while let Some(status) = next(leader) {
            self.resume(leader, status);
        }
        let finished = running.wait(PATIENCE).unwrap();
        let hit = self.hit.map(|position| self.calls[position].clone());
        Traced { finished, calls: self.calls, hit }
    }

    /// Errors are those of a thread that is gone meanwhile, with all others.
    fn resume(&mut self, leader: Pid, status: WaitStatus) {
        let (thread, signal) = match status {
            WaitStatus::PtraceSyscall(thread) => {
                let _ = self.at_call(leader, thread);
                (thread, None)
            }
            WaitStatus::PtraceEvent(thread, _, event) => {
                if event == nix::libc::PTRACE_EVENT_EXEC {
                    self.begin(thread);
                }
                (thread, None)
            }
            WaitStatus::Stopped(thread, signal) => (thread, Some(signal)),
            _ => return,
        };
        // What comes after the fault is nothing that a tracer needs to see.
        let _ = if self.is_made { ptrace::cont(thread, signal) } else { ptrace::syscall(thread, signal) };
    }

    /// The program is there, and has not begun.
    fn begin(&mut self, thread: Pid) {
        self.is_running = true;
        if matches!(self.fault, Fault::Clock(_)) {
            super::clock::without_vdso(thread).unwrap();
        }
    }

    fn at_call(&mut self, leader: Pid, thread: Pid) -> nix::Result<()> {
        let is_entry = ptrace::syscall_info(thread)?.op == nix::libc::PTRACE_SYSCALL_INFO_ENTRY;
        match (is_entry, self.inside.iter().position(|(inside, _)| *inside == thread)) {
            (true, None) if self.is_running => self.enter(leader, thread),
            (false, Some(position)) => {
                let (_, call) = self.inside.swap_remove(position);
                self.leave(thread, call)
            }
            _ => Ok(()),
        }
    }

    fn enter(&mut self, leader: Pid, thread: Pid) -> nix::Result<()> {
        let mut registers = ptrace::getregs(thread)?;
        let call = self.names.call(leader, &registers);
        let position = self.calls.len();
        let writes = self.calls.iter().filter(|earlier| earlier.is_write()).count();
        self.inside.push((thread, position));
        let is_hit = match self.fault {
            Fault::Kill(at) => at == position,
            Fault::Fail(kind, at, errno) => {
                let may_be = |call: &Call| call.kind == kind && call.may_be(errno);
                may_be(&call) && at == self.calls.iter().filter(|earlier| may_be(earlier)).count()
            }
            Fault::FailAbout(name, end, at, _) => {
                call.is_about(name, end)
                    && at == self.calls.iter().filter(|earlier| earlier.is_about(name, end)).count()
            }
            Fault::Short(at) => call.is_write() && at == writes,
            Fault::None | Fault::Clock(_) => false,
        };
        self.calls.push(call);
        if !is_hit {
            return Ok(());
        }
        self.hit = Some(position);
        match self.fault {
            Fault::Kill(_) => return kill(leader, Signal::SIGKILL),
            Fault::Short(_) => registers.rdx = registers.rdx.div_ceil(2),
            _ => registers.orig_rax = u64::MAX,
        }
        ptrace::setregs(thread, registers)
    }

    fn leave(&mut self, thread: Pid, position: usize) -> nix::Result<()> {
        let mut registers = ptrace::getregs(thread)?;
        if let (Fault::Fail(_, _, errno) | Fault::FailAbout(_, _, _, errno), true) =
            (self.fault, self.hit == Some(position))
        {
            registers.rax = (-i64::from(errno as i32)).cast_unsigned();
            ptrace::setregs(thread, registers)?;
            self.is_made = true;
        }
        let result = registers.rax.cast_signed();
        self.calls[position].result = result;
        self.names.learn(&self.calls[position]);
        match self.fault {
            Fault::Clock(by_s) => super::clock::shift(thread, &registers, by_s),
            _ => Ok(()),
        }
    }
}

/// The next thing that happened to a tracee of this thread; none once the program has ended. Its end is left to
/// whoever waits for it.
fn next(leader: Pid) -> Option<WaitStatus> {
    let mine = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
    let peek = mine | WaitPidFlag::WEXITED | WaitPidFlag::WSTOPPED | WaitPidFlag::WNOWAIT;
    loop {
        match waitid(Id::All, peek) {
            Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _)) if pid == leader => return None,
            Ok(status) => match waitpid(status.pid().unwrap(), Some(mine)) {
                Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => {}
                Ok(status) => return Some(status),
                Err(Errno::EINTR | Errno::ECHILD) => {}
                Err(e) => panic!("waiting for a tracee: {e}"),
            },
            Err(Errno::EINTR) => {}
            Err(Errno::ECHILD) => return None,
            Err(e) => panic!("waiting for any tracee: {e}"),
        }
    }
}

fn await_stop(pid: Pid) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        if stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')) {
            return;
        }
        assert!(Instant::now() < deadline, "{pid} does not stop");
        std::thread::sleep(Duration::from_micros(200));
    }
}
