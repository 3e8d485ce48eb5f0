//! What a build proved: reports as Sluice understood them, in one shape for all tools.
//!
//! They are read by the crate `sluice-evidence`.

mod reading;

pub use reading::{
    Called, Content, Counter, Coverage, Finding, Findings, Format, Kind, Reading, Reviews, Sbom,
    SbomComponent, Severity, Statement, Subject, Tests, Tool, UnknownKind,
};
