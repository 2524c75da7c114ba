#![no_main]

fieldtune_fuzz::target!(settings, 64);
