#![no_main]

fieldtune_fuzz::target!(picture, 1536);
