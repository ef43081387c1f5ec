//! The demo: a believable shop in two stores, with planted drift and a record of what was planted.

mod live;
mod shop;
mod write;

pub use live::{Servers, Stores, with_database};
pub use shop::{CONFIG, Planted, Shop, plant};
