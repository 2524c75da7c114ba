#![no_main]

fieldtune_fuzz::target!(store, 512);
