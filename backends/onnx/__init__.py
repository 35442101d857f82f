"""ONNX: a network as one model of standard operators, for whole sequences or step by step."""

FILE_NAME = "network.onnx"
INSTALL = 'python -m pip install "onnx>=1.18,<2" "onnxruntime>=1.20,<2"'
