//! The flow tracker on scripted conversations: packets as bytes, through the decoder, to notes and records.

#[path = "flow/world.rs"]
mod world;
#[path = "flow/zeek.rs"]
mod zeek;

#[path = "flow/apps.rs"]
mod apps;
#[path = "flow/closing.rs"]
mod closing;
#[path = "flow/datagrams.rs"]
mod datagrams;
#[path = "flow/direction.rs"]
mod direction;
#[path = "flow/drops.rs"]
mod drops;
#[path = "flow/fields.rs"]
mod fields;
#[path = "flow/measures.rs"]
mod measures;
#[path = "flow/opening.rs"]
mod opening;
#[path = "flow/properties.rs"]
mod properties;
#[path = "flow/stream.rs"]
mod stream;
#[path = "flow/streams.rs"]
mod streams;
#[path = "flow/table.rs"]
mod table;
#[path = "flow/tampered.rs"]
mod tampered;
#[path = "flow/verdicts.rs"]
mod verdicts;
