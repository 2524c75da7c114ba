#![no_main]

fieldtune_fuzz::target!(onnx, 1536);
