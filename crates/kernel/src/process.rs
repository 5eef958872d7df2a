//! What this process asks for itself: how it gets its memory, and what does not end it.
//! Not here: what it says to Linux about packets.

/// Two heaps for all threads, that grow by large steps.
///
/// Two threads at work at the same time would wait for each other at one heap. A heap for each thread that ever was
/// would keep what only one of them needs for a moment, and grow page by page, each time with a system call during
/// which no thread may touch a new page. A page that is not touched costs nothing.
pub fn two_heaps() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const STEP_BYTES: i32 = 1 << 20;
        set(libc::M_ARENA_MAX, 2);
        set(libc::M_TOP_PAD, STEP_BYTES);
    }
}

/// Where it is refused, memory is taken as it would be without.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
fn set(parameter: i32, value: i32) {
    // SAFETY: mallopt(3) takes two numbers, may be called by any thread, and touches nothing that was allocated.
    unsafe { libc::mallopt(parameter, value) };
}

/// From here on a terminal that hangs up (`SIGHUP`) does not end this process.
#[allow(unsafe_code)]
pub fn outlive_terminal() {
    // SAFETY: no handler is installed: the signal is ignored, and no code of ours runs because of it.
    unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
}
