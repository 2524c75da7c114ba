#![no_main]

fieldtune_fuzz::target!(inbox, 64);
