"""NIR's linear nodes as torch modules, after NIR's own documentation, for signals with a batch axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


class Dense(nn.Module):
    """Affine and Linear: y = W x + b."""

    def __init__(self, node: Any) -> None:
        super().__init__()
        self.register_buffer("weight", _tensor(node.weight))
        self.register_buffer("bias", _tensor(node.bias) if hasattr(node, "bias") else None)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply [B, in] to [B, out]."""
        return functional.linear(x, self.get_buffer("weight"), self._buffers["bias"])


class Convolution(nn.Module):
    """Conv1d and Conv2d, with groups and padding in numbers or words."""

    def __init__(self, node: Any) -> None:
        super().__init__()
        self._apply_to = functional.conv1d if type(node).__name__ == "Conv1d" else functional.conv2d
        self.register_buffer("weight", _tensor(node.weight))
        self.register_buffer("bias", _tensor(node.bias))
        self._stride, self._dilation = _sizes(node.stride), _sizes(node.dilation)
        self._padding = node.padding if isinstance(node.padding, str) else _sizes(node.padding)
        self._groups = int(node.groups)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve [B, C, ...]."""
        weight, bias = self.get_buffer("weight"), self.get_buffer("bias")
        return self._apply_to(x, weight, bias, self._stride, self._padding, self._dilation, self._groups)


class Pool(nn.Module):
    """SumPool2d and AvgPool2d; padding counts as zeros."""

    def __init__(self, node: Any) -> None:
        super().__init__()
        self._kernel, self._stride, self._padding = (
            tuple(np.broadcast_to(np.asarray(size), 2).tolist())
            for size in (node.kernel_size, node.stride, node.padding)
        )
        self._divisor = 1 if type(node).__name__ == "SumPool2d" else None

    def forward(self, x: Tensor) -> Tensor:
        """Pool [B, C, H, W]."""
        return functional.avg_pool2d(
            x, self._kernel, self._stride, self._padding, divisor_override=self._divisor
        )


class Scaling(nn.Module):
    """Scale: y = s x, elementwise."""

    def __init__(self, node: Any) -> None:
        super().__init__()
        self.register_buffer("scale", _tensor(node.scale))

    def forward(self, x: Tensor) -> Tensor:
        """Scale [B, ...]."""
        return x * self.get_buffer("scale")


class Flattening(nn.Module):
    """Flatten; its axes do not count the batch."""

    def __init__(self, node: Any) -> None:
        super().__init__()
        self._start, self._end = (int(d) + 1 if d >= 0 else int(d) for d in (node.start_dim, node.end_dim))

    def forward(self, x: Tensor) -> Tensor:
        """Flatten axes of [B, ...]."""
        return x.flatten(self._start, self._end)


def _tensor(array: Any) -> Tensor:
    return torch.from_numpy(np.array(array, np.float32))


def _sizes(value: Any) -> Any:
    return np.asarray(value).tolist()
