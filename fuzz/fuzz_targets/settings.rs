#![no_main]

fieldtune_fuzz::target!(checks::settings, 64);
