//! Values as bytes, for a process that was forked from this one to hand back what it came to.
//!
//! Both ends are the same program, so there are no versions and no names: fields follow one another in the order in which
//! they are listed. Putting a value allocates nothing, since a process may do it with its last breath. What is taken is
//! checked, since a process that died may have stopped in the middle of a value.

/// Where bytes go.
pub(crate) trait Sink {
    fn bytes(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// What is left of the bytes that came.
pub(crate) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The next `count` bytes; `None` if there are not so many.
    pub fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (these, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(these)
    }
}

/// A value that can be put into bytes, and taken out of them.
pub(crate) trait Parcel: Sized {
    fn put(&self, sink: &mut dyn Sink);
    /// `None` if the bytes are not those of such a value.
    fn take(from: &mut Reader<'_>) -> Option<Self>;
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Parcel for $number {
            fn put(&self, sink: &mut dyn Sink) {
                sink.bytes(&self.to_le_bytes());
            }

            fn take(from: &mut Reader<'_>) -> Option<Self> {
                from.bytes(size_of::<Self>())?.try_into().ok().map(Self::from_le_bytes)
            }
        }
    )*};
}

numbers!(u8, u32, u64, usize);

impl Parcel for bool {
    fn put(&self, sink: &mut dyn Sink) {
        u8::from(*self).put(sink);
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        match u8::take(from)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Parcel for String {
    fn put(&self, sink: &mut dyn Sink) {
        self.len().put(sink);
        sink.bytes(self.as_bytes());
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        let length = usize::take(from)?;
        String::from_utf8(from.bytes(length)?.to_vec()).ok()
    }
}

impl<T: Parcel> Parcel for Option<T> {
    fn put(&self, sink: &mut dyn Sink) {
        self.is_some().put(sink);
        self.iter().for_each(|value| value.put(sink));
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        match bool::take(from)? {
            true => T::take(from).map(Some),
            false => Some(None),
        }
    }
}

impl<T: Parcel> Parcel for Vec<T> {
    fn put(&self, sink: &mut dyn Sink) {
        put_all(self.len(), self, sink);
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        let count = usize::take(from)?;
        // Not made at once: a number that is no count would ask for all the memory there is.
        let mut all = Vec::with_capacity(count.min(from.0.len()));
        for _ in 0..count {
            all.push(T::take(from)?);
        }
        Some(all)
    }
}

/// Puts what [`Vec::take`](Parcel::take) takes, from values that are not in a `Vec`.
pub(crate) fn put_all<'a, T: Parcel + 'a>(count: usize, all: impl IntoIterator<Item = &'a T>, sink: &mut dyn Sink) {
    count.put(sink);
    all.into_iter().for_each(|value| value.put(sink));
}

impl<A: Parcel, B: Parcel> Parcel for (A, B) {
    fn put(&self, sink: &mut dyn Sink) {
        self.0.put(sink);
        self.1.put(sink);
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        Some((A::take(from)?, B::take(from)?))
    }
}

impl<A: Parcel, B: Parcel, C: Parcel> Parcel for (A, B, C) {
    fn put(&self, sink: &mut dyn Sink) {
        self.0.put(sink);
        self.1.put(sink);
        self.2.put(sink);
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        Some((A::take(from)?, B::take(from)?, C::take(from)?))
    }
}

/// A struct, field by field.
macro_rules! parcel_struct {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::parcel::Parcel for $name {
            fn put(&self, sink: &mut dyn $crate::parcel::Sink) {
                let $name { $($field),* } = self;
                $($field.put(sink);)*
            }

            fn take(from: &mut $crate::parcel::Reader<'_>) -> Option<Self> {
                $(let $field = $crate::parcel::Parcel::take(from)?;)*
                Some($name { $($field),* })
            }
        }
    };
}

/// An enum of words without fields, by its place among `all`.
macro_rules! parcel_words {
    ($name:ty, $all:expr) => {
        impl $crate::parcel::Parcel for $name {
            fn put(&self, sink: &mut dyn $crate::parcel::Sink) {
                let place = $all.iter().position(|word| word == self);
                (place.map_or(u8::MAX, |place| place as u8)).put(sink);
            }

            fn take(from: &mut $crate::parcel::Reader<'_>) -> Option<Self> {
                $all.get(usize::from(u8::take(from)?)).copied()
            }
        }
    };
}

pub(crate) use {parcel_struct, parcel_words};

#[cfg(test)]
mod tests {
    use super::*;

    type Everything = (Vec<(String, Option<u64>)>, (bool, Option<Vec<u32>>));

    fn everything() -> Everything {
        (vec![("left".into(), Some(7)), (String::new(), None)], (true, Some(vec![1, u32::MAX])))
    }

    #[test]
    fn what_is_put_is_taken() {
        let mut bytes = Vec::new();
        everything().put(&mut bytes);
        let mut reader = Reader(&bytes);
        assert_eq!(Everything::take(&mut reader), Some(everything()));
        assert!(reader.0.is_empty());
    }

    #[test]
    fn what_was_cut_short_is_not() {
        let mut bytes = Vec::new();
        everything().put(&mut bytes);
        for length in 0..bytes.len() {
            assert_eq!(Everything::take(&mut Reader(&bytes[..length])), None, "{length} of {} bytes", bytes.len());
        }
        assert_eq!(Vec::<u8>::take(&mut Reader(&[0xff; 8])), None);
        assert_eq!(bool::take(&mut Reader(&[2])), None);
    }
}
