//! The demo: a believable shop in two stores, with planted drift and a record of what was planted.

mod shop;
mod write;

pub use shop::{CONFIG, Planted, Shop, plant};
