//! The wall clock as a traced program reads it: a year off, whatever way it asks.
//! Not here: the machine's own clock, which nobody touches; and the timer in the kernel, which counts from the boot.

use nix::libc;
use nix::sys::ptrace;
use nix::unistd::Pid;

/// Words of the stack of a program that has just begun.
fn word(thread: Pid, address: u64) -> nix::Result<i64> {
    ptrace::read(thread, address as ptrace::AddressType)
}

/// Takes the vDSO away from a program that has not begun yet, so that each reading of a clock is a system call.
pub(crate) fn without_vdso(thread: Pid) -> nix::Result<()> {
    let mut at = ptrace::getregs(thread)?.rsp;
    // The number of arguments; arguments up to a zero, variables up to a zero; then the auxiliary vector.
    at += 8 * (word(thread, at)?.cast_unsigned() + 2);
    while word(thread, at)? != 0 {
        at += 8;
    }
    at += 8;
    loop {
        match word(thread, at)?.cast_unsigned() {
            libc::AT_NULL => return Ok(()),
            libc::AT_SYSINFO_EHDR => {
                return ptrace::write(thread, at as ptrace::AddressType, libc::AT_IGNORE.cast_signed());
            }
            _ => at += 16,
        }
    }
}

/// Moves the time that a call has just brought.
pub(crate) fn shift(thread: Pid, registers: &libc::user_regs_struct, by_s: i64) -> nix::Result<()> {
    let is_wall =
        matches!(registers.rdi.cast_signed() as i32, libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE);
    let at = match registers.orig_rax.cast_signed() {
        libc::SYS_clock_gettime if is_wall => registers.rsi,
        libc::SYS_gettimeofday => registers.rdi,
        _ => return Ok(()),
    };
    let seconds = word(thread, at)? + by_s;
    ptrace::write(thread, at as ptrace::AddressType, seconds)
}
