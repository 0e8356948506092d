"""ONNX files: tensors are read and changed by name, and what is not known of a file stays as it was."""

from __future__ import annotations

import numpy as np
import pytest

from services.vad.onnx_graph import GraphError, OnnxGraph
from services.vad.weights import weights

SILERO = weights("silero_vad_16k").read_bytes()
BIAS = "model.encoder.0.reparam_conv.bias"


def test_an_unchanged_file_keeps_its_content() -> None:
    """What this subset of the format does not describe (operators, attributes, names) is not lost."""
    assert len(OnnxGraph(SILERO).to_bytes()) >= 0.99 * len(SILERO)
    again = OnnxGraph(OnnxGraph(SILERO).to_bytes())
    np.testing.assert_array_equal(again.floats(BIAS), OnnxGraph(SILERO).floats(BIAS))


def test_a_tensor_can_be_replaced_by_one_of_another_shape() -> None:
    """The file that is written holds the new one."""
    graph = OnnxGraph(SILERO)
    graph.replace_floats(BIAS, np.arange(6, dtype=np.float32).reshape(2, 3))
    np.testing.assert_array_equal(OnnxGraph(graph.to_bytes()).floats(BIAS), [[0, 1, 2], [3, 4, 5]])


def test_what_is_not_there_is_named() -> None:
    """Asking for a tensor of another network says which is missing."""
    with pytest.raises(GraphError, match="no tensor nonsense"):
        OnnxGraph(SILERO).floats("nonsense")


@pytest.mark.parametrize("content", [b"not a model", SILERO[: len(SILERO) // 2]])
def test_what_is_no_file_of_this_kind_is_refused(content: bytes) -> None:
    """Other bytes, and half a file, are refused when read or when asked for what they lack."""
    with pytest.raises(GraphError):
        OnnxGraph(content).floats(BIAS)
