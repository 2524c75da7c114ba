#![no_main]

fieldtune_fuzz::target!(session, 256);
