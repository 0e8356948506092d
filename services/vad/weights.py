"""Where the models' weights are, and how a model is opened: one thread each, clear words when it cannot be.

A ring serves many conversations on few cores, so no model starts threads of its own: the process decides which
thread runs it.
"""

from __future__ import annotations

import os
from pathlib import Path

import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf, NotImplemented

from services.common.errors import SettingsFault
from services.vad.onnx_graph import GraphError, OnnxGraph

FOLDER = Path(__file__).resolve().parent / "models"


class WeightsError(SettingsFault):
    """A model's weights are missing or cannot be read; the message says what to do."""


def weights(name: str) -> Path:
    """Return the path of a model's weights, such as `weights("silero_vad_16k")`.

    Looks in `$PARLEY_MODELS`, else in `services/vad/models`. Raises `WeightsError` if they are not there.
    """
    path = Path(os.environ.get("PARLEY_MODELS") or FOLDER) / f"{name}.onnx"
    if not path.is_file():
        raise WeightsError(f"{path} is missing. Run `make setup`, or set PARLEY_MODELS to the folder that holds it.")
    return path


def read_graph(name: str) -> OnnxGraph:
    """Read a model's tensors. Raises `WeightsError` if it is missing or damaged."""
    path = weights(name)
    try:
        return OnnxGraph(path.read_bytes())
    except GraphError as error:
        raise damaged(name) from error


def open_model(name: str, graph: OnnxGraph) -> onnxruntime.InferenceSession:
    """Open a model that was read, for the CPU with a single thread. Raises `WeightsError` if it is damaged."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    options.log_severity_level = 3  # errors only: the models' own warnings mean nothing to an operator
    try:
        return onnxruntime.InferenceSession(graph.to_bytes(), options, providers=["CPUExecutionProvider"])
    except (Fail, InvalidGraph, InvalidProtobuf, NotImplemented) as error:
        raise damaged(name) from error


def damaged(name: str) -> WeightsError:
    """Return the error that says what to do about a model that is there and is none."""
    return WeightsError(f"{weights(name)} cannot be read as a model. Delete it and run `make setup`.")
