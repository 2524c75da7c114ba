//! What the parts do together, and the program from the outside: a module a subject. One file's tests:
//! `cargo test --test it store::`.
//!
//! What cannot share a process with others, or is run by itself, is a test of its own beside this folder.

mod common;

mod access;
mod actions;
mod adapt;
mod backbones;
mod bench;
mod boards;
mod cameras;
mod cli;
mod cli_images;
mod cli_store;
mod cli_usage;
mod console;
mod ctl;
mod demo;
mod docs;
mod drift;
mod echoes;
mod emulated;
mod eval;
mod export;
mod exports;
mod facade;
mod fetch;
mod finetune;
#[cfg(feature = "sound")]
mod flac;
mod flash;
mod formats;
mod generations;
mod good_parts;
mod harmless;
mod heads;
mod heads_reference;
#[cfg(feature = "sound")]
mod hearers;
#[cfg(feature = "web")]
mod inbox;
mod jpegs;
mod keys;
mod kills;
mod limits;
mod lines;
mod lines_station;
mod looks;
#[cfg(feature = "mqtt")]
mod mqtt;
mod nests;
#[cfg(feature = "sound")]
mod ogg;
mod packs;
mod pictures;
mod power_cuts;
#[cfg(feature = "text")]
mod readers;
mod regions;
mod run;
mod runtime;
mod scenarios;
mod secrets;
#[cfg(feature = "sound")]
mod senses;
mod soak;
#[cfg(feature = "sound")]
mod sound;
#[cfg(feature = "sound")]
mod sound_level;
mod stations;
mod store;
mod tails;
mod terminal;
mod text;
mod tuning;
mod update;
mod vectors;
#[cfg(feature = "web")]
mod web;
mod wire;
#[cfg(feature = "text")]
mod words;
