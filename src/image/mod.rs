//! Pixels: frames from cameras, images from files, and how other conditions would show them.

/// Pixels and the part of them that is looked at.
pub mod frame;

/// How a frame looks at a glance.
pub mod glance;

/// Light and colour of frames, and what makes them alike.
pub mod levels;

/// Where a part lies in a frame.
pub mod locate;

/// Image files, decoded to frames.
pub mod picture;

pub mod views;
