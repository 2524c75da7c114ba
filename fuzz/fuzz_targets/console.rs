#![no_main]

fieldtune_fuzz::target!(console, 256);
