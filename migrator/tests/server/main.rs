//! What is promised of a real server.

mod alone;
mod applied;
mod backfills;
mod bench;
mod crashes;
mod cut;
mod planned;
