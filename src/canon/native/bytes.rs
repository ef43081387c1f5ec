//! A cursor over the bytes of a native value. Nothing is read beyond their end.

use crate::model::Problem;

/// What is left of a value's bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a> {
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    #[inline]
    pub(super) fn new(rest: &'a [u8]) -> Bytes<'a> {
        Bytes { rest }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// All that is left.
    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], Problem> {
        match self.rest.split_at_checked(len) {
            Some((head, rest)) => {
                self.rest = rest;
                Ok(head)
            }
            None => Err(short(len, self.rest.len())),
        }
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        match self.rest.split_first_chunk() {
            Some((head, rest)) => {
                self.rest = rest;
                Ok(*head)
            }
            None => Err(short(N, self.rest.len())),
        }
    }

    #[inline]
    pub(super) fn int(&mut self) -> Result<i32, Problem> {
        self.array().map(i32::from_be_bytes)
    }

    /// How many elements follow.
    pub(super) fn count(&mut self) -> Result<usize, Problem> {
        let count = self.int()?;
        usize::try_from(count).map_err(|_| Problem::malformed(format!("collection of {count} elements")))
    }

    /// A length and that many bytes; a length of −1 is null.
    #[inline]
    pub(super) fn value(&mut self) -> Result<Option<&'a [u8]>, Problem> {
        let len = self.int()?;
        match usize::try_from(len) {
            Ok(len) => self.take(len).map(Some),
            Err(_) if len == -1 => Ok(None),
            Err(_) => Err(Problem::malformed(format!("value of length {len}"))),
        }
    }

    /// The next part of a tuple or a user-defined type; null where it was written without the part.
    pub(super) fn part(&mut self) -> Result<Option<&'a [u8]>, Problem> {
        if self.is_empty() { Ok(None) } else { self.value() }
    }

    /// A map's key and value.
    pub(super) fn pair(&mut self) -> Result<(Option<&'a [u8]>, Option<&'a [u8]>), Problem> {
        Ok((self.value()?, self.value()?))
    }

    /// The next element of a vector, whose elements all have the length `fixed`, or say their own.
    pub(super) fn vector_element(&mut self, fixed: Option<usize>) -> Result<&'a [u8], Problem> {
        let len = match fixed {
            Some(len) => len,
            None => {
                let len = self.unsigned_vint()?;
                usize::try_from(len).map_err(|_| short(usize::MAX, self.rest.len()))?
            }
        };
        self.take(len)
    }

    /// An unsigned integer of variable length: as many bytes follow the first as it has leading ones.
    pub(super) fn unsigned_vint(&mut self) -> Result<u64, Problem> {
        let [first] = self.array()?;
        let extra = first.leading_ones();
        let head = u64::from(first) & (0xff_u64 >> extra);
        let tail = self.take(extra as usize)?;
        Ok(tail.iter().fold(head, |value, b| value << 8 | u64::from(*b)))
    }

    /// A signed integer of variable length, in zigzag form.
    pub(super) fn vint(&mut self) -> Result<i64, Problem> {
        let zigzag = self.unsigned_vint()?;
        Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }

    /// Refuses what is left over.
    #[inline]
    pub(super) fn end(&self) -> Result<(), Problem> {
        if self.is_empty() {
            return Ok(());
        }
        Err(Problem::malformed(format!(
            "{} bytes after the end of the value; was the type changed?",
            self.rest.len()
        )))
    }
}

#[cold]
fn short(wanted: usize, found: usize) -> Problem {
    Problem::malformed(format!("value cut off: {wanted} bytes expected, {found} left"))
}
