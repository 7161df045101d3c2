"""The prediction service: `model.onnx` and `signature.json` over HTTP. Imports neither torch nor mtl_core."""
