//! How long the allocator keeps what was given back to it.

/// Has very large blocks given back to the system at once, and the rest of the heap as before.
///
/// glibc raises the size from which on it does so with each such block that it meets, and keeps up to twice as much at the
/// end of each thread's heap; setting it ends that. <https://man7.org/linux/man-pages/man3/mallopt.3.html>
#[expect(
    unsafe_code,
    reason = "only the allocator itself can be told; it takes two numbers and touches nothing else"
)]
pub(super) fn give_large_blocks_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::ffi::c_int;
        unsafe extern "C" {
            safe fn mallopt(parameter: c_int, value: c_int) -> c_int;
        }
        const TRIM_THRESHOLD: c_int = -1;
        const MMAP_THRESHOLD: c_int = -3;
        const LARGE: c_int = 4 << 20;
        // Where it is refused, memory is kept for longer, no more.
        mallopt(TRIM_THRESHOLD, 2 * LARGE);
        mallopt(MMAP_THRESHOLD, LARGE);
    }
}
