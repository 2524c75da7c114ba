//! Pixels: frames from cameras, images from files, and how other conditions would show them.

/// Pixels and the part of them that is looked at.
pub mod frame;

/// Image files, decoded to frames.
pub mod picture;

pub mod views;
