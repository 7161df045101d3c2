"""Export: encoder and network as one ONNX graph, with a signature that says all that a server or client needs."""
