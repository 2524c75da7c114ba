#![no_main]

fieldtune_fuzz::target!(kernels, 64);
