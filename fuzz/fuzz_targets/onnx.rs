#![no_main]

fieldtune_fuzz::target!(checks::onnx, 1536);
