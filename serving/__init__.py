"""The serving room: reads `model.onnx` and `signature.json`, answers over HTTP. Imports neither torch nor mtl_core."""
