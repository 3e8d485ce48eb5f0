//! Drift is a test failure: state machines, template, functions and events must
//! say the same. Nothing runs here; these tests only read.

mod errors;
mod events;
mod expressions;
mod flow;
mod functions;
mod layout;
mod machines;
mod partitions;
mod payloads;
mod permissions;
mod resources;
mod substitutions;
