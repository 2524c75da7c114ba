#![no_main]

fieldtune_fuzz::target!(checks::session, 256);
