"""Export: encoder and network as one ONNX graph, with a signature for servers and clients."""
