#![no_main]

fieldtune_fuzz::target!(wire, 64);
