//! Sources on real files: what they read through every rotation, and what they say when they can't.

mod collector;
mod follow;
mod input;
mod logrotate;
mod random;
mod restart;
mod trouble;
