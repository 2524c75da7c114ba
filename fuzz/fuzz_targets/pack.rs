#![no_main]

fieldtune_fuzz::target!(checks::pack, 512);
