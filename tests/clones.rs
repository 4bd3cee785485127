//! Threads made by the system call `clone` itself, as a library with a runtime of its own may make them: they run beside the
//! world, and that is a finding. What their maker does afterwards is seen as before.

#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

use raddle::{Class, FindingKind, Isolation, Report, Sim};
use std::arch::asm;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

mod common;

const MS: Duration = Duration::from_millis(1);

/// Flags of a thread of this process; [`OWN_LOCALS`] is not among them.
const THREAD: i32 = libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM;
const OWN_LOCALS: i32 = libc::CLONE_SETTLS;

/// What a thread is given.
struct Given {
    stack: [u64; 512],
    locals: [u64; 64],
    sum: AtomicU64,
}

/// Makes a thread that adds 1 and 41 and ends, by the instruction alone; what it adds to. Its numbers are in registers that
/// a call leaves as they are.
#[inline(never)]
fn make_thread(flags: i32) -> &'static AtomicU64 {
    let given: &'static mut Given =
        Box::leak(Box::new(Given { stack: [0; 512], locals: [0; 64], sum: AtomicU64::new(0) }));
    // What is at the address that thread-locals are found by.
    given.locals[0] = given.locals.as_ptr() as u64;
    let top = given.stack.as_mut_ptr_range().end;
    let result: i64;
    // SAFETY: the child's stack and its thread-locals are memory that stays; it runs the four instructions below, which
    // write to `sum` only, and ends. The parent loses rax, rcx and r11.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "lock add [r12], r13",
            "lock add [r12], r14",
            "mov eax, {exit}",
            "xor edi, edi",
            "syscall",
            "2:",
            exit = const libc::SYS_exit,
            inlateout("rax") libc::SYS_clone => result,
            in("rdi") i64::from(flags),
            in("rsi") top,
            in("rdx") 0,
            in("r10") 0,
            in("r8") given.locals.as_ptr(),
            in("r12") &raw const given.sum,
            in("r13") 1u64,
            in("r14") 41u64,
            out("rcx") _,
            out("r11") _,
        );
    }
    assert!(result > 0, "a thread's number, not {result}");
    &given.sum
}

/// Waits in real time until the thread has added up.
fn has_run(sum: &AtomicU64) {
    while sum.load(Ordering::SeqCst) != 42 {
        thread::yield_now();
    }
}

#[track_caller]
fn is_told<T>(report: &Report<T>, who: &str) {
    let finding = report.finding().expect("a finding");
    assert_eq!((finding.kind(), finding.task()), (FindingKind::ForeignThread, Some(who)));
    common::in_order(
        &report.to_string(),
        &["foreign thread: a thread was made by the system call `clone`", "what to do"],
    );
}

#[test]
fn a_thread_by_the_instruction_is_a_finding_and_its_maker_is_still_seen() {
    let report = Sim::new().require_boundary(true).run(|| async {
        let sum = make_thread(THREAD | OWN_LOCALS);
        thread::sleep(MS);
        sum
    });
    is_told(&report, "scenario");
    assert_eq!(report.leaks().iter().map(|leak| leak.class()).collect::<Vec<_>>(), [Class::Sleep], "{report}");
}

#[test]
fn so_is_one_made_by_a_job() {
    static SUM: AtomicU64 = AtomicU64::new(0);
    let report = Sim::new().require_boundary(true).run(|| {
        raddle::task("maker").unblock(|| {
            let sum = make_thread(THREAD | OWN_LOCALS);
            SUM.store(std::ptr::from_ref(sum) as u64, Ordering::SeqCst);
        })
    });
    is_told(&report, "maker");
    // SAFETY: what `make_thread` gave, which stays.
    has_run(unsafe { &*(SUM.load(Ordering::SeqCst) as *const AtomicU64) });
}

#[test]
fn so_is_one_that_shares_its_makers_thread_locals() {
    let report = Sim::new().run(|| async { has_run(make_thread(THREAD)) });
    is_told(&report, "scenario");
}

#[test]
fn so_is_one_in_a_process_of_its_own() {
    let report = Sim::new().isolation(Isolation::Process).run(|| async { has_run(make_thread(THREAD | OWN_LOCALS)) });
    is_told(&report, "scenario");
}

#[test]
fn outside_of_runs_it_is_nobodys_business() {
    has_run(make_thread(THREAD | OWN_LOCALS));
}
