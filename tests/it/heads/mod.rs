//! What every head has to do, each behaviour for each head: all are run, and every failure is shown.

mod forgetting;
mod kinds;
mod layers;
mod learning;
mod saving;
