#![no_main]

fieldtune_fuzz::target!(json, 256);
