"""ONNX graphs: a builder of nodes, and sessions of ONNX Runtime that run them."""
