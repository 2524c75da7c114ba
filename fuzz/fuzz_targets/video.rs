#![no_main]

fieldtune_fuzz::target!(video, 1024);
