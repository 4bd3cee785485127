//! Where calls are not seen nobody leaves: everything runs where it is called.

pub(super) fn can_enter() -> bool {
    false
}

pub(super) fn enter<R>(f: impl FnOnce() -> R) -> Option<R> {
    Some(f())
}

pub(super) fn leave() {}

pub(super) fn thread_begins() {}

pub(super) fn thread_ends() -> bool {
    false
}

pub(super) fn vanish() {}
