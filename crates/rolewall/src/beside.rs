//! Two pieces of work of which neither asks anything of the other, at the same time.
//! Not here: what they are.

/// Does one here, and the other in a thread beside it. A panic of either is ours.
pub(crate) fn beside<A, B: Send>(here: impl FnOnce() -> A, there: impl FnOnce() -> B + Send) -> (A, B) {
    std::thread::scope(|scope| {
        let there = scope.spawn(there);
        let here = here();
        (here, there.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}
