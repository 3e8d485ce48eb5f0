//! What is promised of a real server.

mod alone;
mod applied;
mod back;
mod backfills;
mod bench;
mod child;
mod course;
mod crashes;
mod fenced;
mod full;
mod golden;
mod inside;
mod planned;
mod plot;
mod pooler;
mod same;
mod seen;
mod sound;
mod tls;
mod turns;
mod undone;
mod upgraded;
mod waiting;
mod wire;
