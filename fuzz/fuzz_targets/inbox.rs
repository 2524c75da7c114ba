#![no_main]

fieldtune_fuzz::target!(checks::inbox, 64);
