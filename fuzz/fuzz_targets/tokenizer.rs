#![no_main]

fieldtune_fuzz::target!(checks::tokenizer, 1536);
