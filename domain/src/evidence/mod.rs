//! What a build proved: reports as Sluice understood them, what an environment asks of
//! them, and what follows.
//!
//! Reports are read by the crate `sluice-evidence`. Here stands what they say, in one
//! shape for all tools, and every decision about it.

mod assess;
mod check;
mod image_tags;
mod licences;
mod origin;
mod policy;
mod reading;
mod standing;

pub use assess::{Context, File, Said, assess, covered};
pub use check::{Assessment, Check, CheckOutcome, listed};
pub use image_tags::{ReleaseTags, Tagged, assess_tags, version_tag};
pub use policy::{
    CoveragePolicy, EvidencePolicy, FindingPolicy, ImageScan, ImageTags, ProvenancePolicy,
    ReviewPolicy, SbomPolicy, TestPolicy, TrustedKey, Waiver,
};
pub use reading::{
    Called, Content, Counter, Coverage, Finding, Findings, Format, Kind, Reading, Reviews, Sbom,
    SbomComponent, Severity, Statement, Subject, Tests, Tool, UnknownKind,
};
pub use standing::assess_secrets;
