//! Arguments that several subcommands take.

pub(super) mod board;
pub(super) mod camera;
pub(super) mod head;
pub(super) mod images;
pub(super) mod lines;
pub(super) mod model;
pub(super) mod store;
pub(super) mod text_model;
mod values;
