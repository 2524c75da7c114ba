#![no_main]

fieldtune_fuzz::target!(checks::json, 256);
