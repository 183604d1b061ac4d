//! What stories stand on: databases of both engines, servers in this process and beside it, and
//! people who talk to them.
//!
//! **Never:** assertions about the product; those are the stories' own.

pub mod ambulance;
pub mod browser;
pub mod calls;
pub mod child;
pub mod deflating;
pub mod dispatch;
pub mod engines;
pub mod history;
pub mod messenger;
pub mod older;
pub mod pages;
pub mod people;
pub mod picture;
pub mod rest;
pub mod seeded;
pub mod server;
pub mod socket;
pub mod web;
pub mod wire;
pub mod writer;
