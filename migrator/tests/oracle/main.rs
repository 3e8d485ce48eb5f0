//! The classes of `sluice-migration`, held to what a server does: statements of real
//! projects run on tables that have rows, and what each locks, reads, rewrites and drops of
//! what was there before its file is measured and compared with what is said of it.

mod availability;
mod cases;
mod compare;
mod corpus;
mod kinds;
mod measure;
mod old_code;
mod replay;
mod runs;
mod stage;
mod supply;
