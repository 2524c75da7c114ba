#![no_main]

fieldtune_fuzz::target!(checks::console, 256);
