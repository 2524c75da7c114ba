#![no_main]

fieldtune_fuzz::target!(checks::sound, 1536);
