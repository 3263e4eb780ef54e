//! Events to text: what people and programs read is made here and only here.

pub mod line;
