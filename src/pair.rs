//! The two sides of a comparison, and a pair of anything that exists once per side.
//!
//! Code that works on both sides goes through [`Pair`], so that no function names one side twice.

use serde::{Deserialize, Serialize};

/// One of the two stores under comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The store in charge ("green").
    Stable,
    /// The store with the new schema ("blue").
    Candidate,
}

impl Side {
    /// Both sides, stable first.
    pub const BOTH: [Side; 2] = [Side::Stable, Side::Candidate];

    /// The word used in configuration, reports and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Side::Stable => "stable",
            Side::Candidate => "candidate",
        }
    }

    /// The opposite side.
    pub const fn other(self) -> Side {
        match self {
            Side::Stable => Side::Candidate,
            Side::Candidate => Side::Stable,
        }
    }
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// One value per side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair<T> {
    /// The value that belongs to the stable side.
    pub stable: T,
    /// The value that belongs to the candidate side.
    pub candidate: T,
}

impl<T> Pair<T> {
    /// Makes a pair by asking `f` once per side.
    pub fn from_fn(mut f: impl FnMut(Side) -> T) -> Pair<T> {
        Pair {
            stable: f(Side::Stable),
            candidate: f(Side::Candidate),
        }
    }

    /// Like [`Pair::from_fn`]; the first error wins.
    pub fn try_from_fn<E>(mut f: impl FnMut(Side) -> Result<T, E>) -> Result<Pair<T>, E> {
        Ok(Pair {
            stable: f(Side::Stable)?,
            candidate: f(Side::Candidate)?,
        })
    }

    /// Applies `f` to both values.
    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> Pair<U> {
        Pair {
            stable: f(self.stable),
            candidate: f(self.candidate),
        }
    }

    /// Applies `f` to both values; the first error wins.
    pub fn try_map<U, E>(self, mut f: impl FnMut(T) -> Result<U, E>) -> Result<Pair<U>, E> {
        Ok(Pair {
            stable: f(self.stable)?,
            candidate: f(self.candidate)?,
        })
    }

    /// Pairs the values of two pairs side by side.
    pub fn zip<U>(self, other: Pair<U>) -> Pair<(T, U)> {
        Pair {
            stable: (self.stable, other.stable),
            candidate: (self.candidate, other.candidate),
        }
    }

    /// Borrows both values.
    pub fn as_ref(&self) -> Pair<&T> {
        Pair {
            stable: &self.stable,
            candidate: &self.candidate,
        }
    }

    /// Borrows both values mutably.
    pub fn as_mut(&mut self) -> Pair<&mut T> {
        Pair {
            stable: &mut self.stable,
            candidate: &mut self.candidate,
        }
    }

    /// The pair with its sides exchanged.
    pub fn swap(self) -> Pair<T> {
        Pair {
            stable: self.candidate,
            candidate: self.stable,
        }
    }

    /// Both values with the side they belong to, stable first.
    pub fn into_sides(self) -> [(Side, T); 2] {
        [(Side::Stable, self.stable), (Side::Candidate, self.candidate)]
    }
}

impl<T> std::ops::Index<Side> for Pair<T> {
    type Output = T;
    fn index(&self, side: Side) -> &T {
        match side {
            Side::Stable => &self.stable,
            Side::Candidate => &self.candidate,
        }
    }
}

impl<T> std::ops::IndexMut<Side> for Pair<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Stable => &mut self.stable,
            Side::Candidate => &mut self.candidate,
        }
    }
}
