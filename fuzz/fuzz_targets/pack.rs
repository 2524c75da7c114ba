#![no_main]

fieldtune_fuzz::target!(pack, 512);
