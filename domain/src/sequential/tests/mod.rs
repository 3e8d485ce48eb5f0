//! What the statistics promise, checked: by enumeration, by simulation with
//! fixed seeds, and for all inputs.

mod alarms;
mod bounds;
mod bursts;
mod coverage;
mod enumeration;
mod power;
mod simulation;
