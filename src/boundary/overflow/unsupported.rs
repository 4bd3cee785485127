//! Where calls are not seen, std's own handler does.

pub(super) fn watch(_: super::Teller) {}

#[derive(Debug)]
pub(super) struct Kept;

pub(super) fn make_room() -> Kept {
    Kept
}

pub(super) fn give_room_back(_: &Kept) {}
