#![no_main]

fieldtune_fuzz::target!(checks::video, 1024);
