//! Drift is a test failure: state machines, template, functions and events must
//! say the same. Nothing of Sluice runs here; these tests only read.

mod accounts;
mod action;
mod alarms;
mod callers;
mod calls;
mod damaged;
mod documents;
mod elsewhere;
mod encryption;
mod errors;
mod events;
mod expressions;
mod flow;
mod functions;
mod inputs;
mod layout;
mod machines;
mod pages;
mod partitions;
mod payloads;
mod permissions;
mod readers;
mod resources;
mod samples;
mod servers;
mod shapes;
mod substitutions;
mod suites;
mod threats;
mod translated;
