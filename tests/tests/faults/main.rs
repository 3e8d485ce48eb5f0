//! What becomes of promotions when something fails, for every state of every
//! machine and everything that can go wrong with it; and when all of it ends at
//! once.

mod killed;
mod matrix;
