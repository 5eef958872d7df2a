//! Two pieces of work of which neither asks anything of the other, at the same time.
//! Not here: what they are.

use rustix::thread::{sched_getaffinity, sched_getcpu, sched_setaffinity};

/// Does one here, and the other in a thread beside it. A panic of either is ours.
pub(crate) fn beside<A, B: Send>(here: impl FnOnce() -> A, there: impl FnOnce() -> B + Send) -> (A, B) {
    let cpu = sched_getcpu();
    std::thread::scope(|scope| {
        let there = scope.spawn(move || {
            keep_off(cpu);
            there()
        });
        // It begins here, or it would wait until this thread has nothing to do.
        std::thread::yield_now();
        let here = here();
        (here, there.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Leaves a CPU to the thread that began this one, where there are others. Linux would find another one too, but on
/// some machines only after milliseconds, which is all that this work lasts.
fn keep_off(cpu: usize) {
    let Ok(mut others) = sched_getaffinity(None) else { return };
    others.unset(cpu);
    if others.count() > 0 {
        // It is about time alone: the work is done on any CPU.
        let _ = sched_setaffinity(None, &others);
    }
}
