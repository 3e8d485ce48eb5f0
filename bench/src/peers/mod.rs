//! Other ways to take a release into production, as their documentation has
//! them. Each file says where it is documented and what had to be chosen.
//!
//! All see the same minutes at the same time. A peer is not charged for the
//! metrics' lag: where its documentation takes missing data for a failed check, it
//! waits as long as no minute of the rollout can have arrived.

pub mod argo;
pub mod codedeploy;
pub mod fisher;
pub mod flagger;
pub mod kayenta;
pub mod mann_whitney;
