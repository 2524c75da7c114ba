#![no_main]

fieldtune_fuzz::target!(checks::picture, 1536);
