"""ONNX: a network as one model of standard operators, for whole sequences or step by step."""
