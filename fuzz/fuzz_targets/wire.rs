#![no_main]

fieldtune_fuzz::target!(checks::wire, 64);
