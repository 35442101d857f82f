"""ONNX: a network as one model of standard operators, for whole sequences or step by step."""

FILE_NAME = "network.onnx"
INSTALL = "python -m pip install 'msc-snn[onnx]'"
