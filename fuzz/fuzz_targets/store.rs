#![no_main]

fieldtune_fuzz::target!(checks::store, 512);
