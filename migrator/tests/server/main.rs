//! What is promised of a real server.

mod applied;
mod bench;
mod crashes;
mod cut;
mod planned;
