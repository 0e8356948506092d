"""The little of the ONNX file format that vad reads and changes: the tensors that a network carries by name.

ONNX files are protobuf messages (onnx.proto of the ONNX project, version 1). Only the fields that matter
here are described; protobuf keeps what it does not know, so a changed network is otherwise the one that was read.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

_FIELD: Final = descriptor_pb2.FieldDescriptorProto
_FIELDS: Final = {
    "ModelProto": [("graph", 7, _FIELD.TYPE_MESSAGE, "GraphProto")],
    "GraphProto": [
        ("node", 1, _FIELD.TYPE_MESSAGE, "NodeProto"),
        ("initializer", 5, _FIELD.TYPE_MESSAGE, "TensorProto"),
        ("input", 11, _FIELD.TYPE_MESSAGE, "ValueInfoProto"),
        ("output", 12, _FIELD.TYPE_MESSAGE, "ValueInfoProto"),
        ("value_info", 13, _FIELD.TYPE_MESSAGE, "ValueInfoProto"),
    ],
    "NodeProto": [("input", 1, _FIELD.TYPE_STRING, ""), ("output", 2, _FIELD.TYPE_STRING, "")],
    "TensorProto": [
        ("dims", 1, _FIELD.TYPE_INT64, ""),
        ("data_type", 2, _FIELD.TYPE_INT32, ""),
        ("name", 8, _FIELD.TYPE_STRING, ""),
        ("raw_data", 9, _FIELD.TYPE_BYTES, ""),
    ],
    "ValueInfoProto": [("name", 1, _FIELD.TYPE_STRING, ""), ("type", 2, _FIELD.TYPE_MESSAGE, "TypeProto")],
    "TypeProto": [("tensor_type", 1, _FIELD.TYPE_MESSAGE, "TensorType")],
    "TensorType": [
        ("elem_type", 1, _FIELD.TYPE_INT32, ""),
        ("shape", 2, _FIELD.TYPE_MESSAGE, "TensorShapeProto"),
    ],
    "TensorShapeProto": [("dim", 1, _FIELD.TYPE_MESSAGE, "Dimension")],
    "Dimension": [("dim_value", 1, _FIELD.TYPE_INT64, "")],
}
_REPEATED: Final = {"node", "initializer", "input", "output", "value_info", "dims", "dim"}
_TYPES: Final[dict[int, np.dtype[Any]]] = {1: np.dtype("<f4"), 7: np.dtype("<i8")}
"""TensorProto.DataType: what is read here is float32 or int64."""


class GraphError(ValueError):
    """The bytes are no ONNX file, or lack what is asked of them."""


class OnnxGraph:
    """An ONNX file that was read. Tensors are looked up by name; `to_bytes` gives the file, changes and all."""

    def __init__(self, content: bytes) -> None:
        """Read a file's bytes. Raises `GraphError` if they are none."""
        self._model: Any = _MODEL()
        try:
            self._model.ParseFromString(content)
        except DecodeError as error:
            raise GraphError("not an ONNX file") from error
        self._tensors = {tensor.name: tensor for tensor in self._model.graph.initializer}

    def floats(self, name: str) -> NDArray[np.float32]:
        """Return a float32 tensor. Raises `GraphError` if there is none of that name."""
        return self._array(name, 1).astype(np.float32)

    def replace_floats(self, name: str, value: NDArray[np.float32]) -> None:
        """Put another float32 tensor, of any shape, in the place of one."""
        self._array(name, 1)
        self._put(name, value)

    def replace_number(self, old: int, new: int) -> None:
        """Replace `old` by `new` wherever an integer tensor of one element holds it: shapes are written so."""
        for name, tensor in self._tensors.items():
            if tensor.data_type == 7 and list(tensor.dims) in ([], [1]) and self._array(name, 7).item() == old:
                self._put(name, np.full(list(tensor.dims), new, dtype=np.int64))

    def reshape_input(self, *shape: int) -> None:
        """Give the network's only input this shape. Notes on shapes further on are dropped: they are inferred anew."""
        dimensions = self._model.graph.input[0].type.tensor_type.shape.dim
        del dimensions[:]
        for size in shape:
            dimensions.add(dim_value=size)
        del self._model.graph.value_info[:]

    def expose(self, name: str) -> None:
        """Make a float32 tensor that the network computes along the way one of its outputs, after those it has.

        Whether there is one of that name is found out when the network is opened.
        """
        self._model.graph.output.add(name=name).type.tensor_type.elem_type = 1

    def end_at(self, name: str) -> None:
        """Make a float32 tensor the network's only output, and take out whatever it does not need: that costs, too.

        Raises `GraphError` if the network computes none of that name.
        """
        graph = self._model.graph
        needed = {name}
        kept = []
        for node in reversed(graph.node):  # nodes stand in the order in which they are computed
            if needed.intersection(node.output):
                needed.update(node.input)
                kept.append(node.SerializeToString())
        if not kept:
            raise GraphError(f"the network computes no {name}")
        del graph.node[:]
        for node in reversed(kept):
            graph.node.add().ParseFromString(node)
        unneeded = [number for number, tensor in enumerate(graph.initializer) if tensor.name not in needed]
        for number in reversed(unneeded):
            del graph.initializer[number]
        self._tensors = {tensor.name: tensor for tensor in graph.initializer}
        del graph.output[:]
        self.expose(name)

    def to_bytes(self) -> bytes:
        """Return the file as it stands now."""
        return bytes(self._model.SerializeToString())

    def _array(self, name: str, data_type: int) -> NDArray[Any]:
        tensor = self._tensors.get(name)
        if tensor is None or tensor.data_type != data_type:
            raise GraphError(f"the network has no tensor {name} of type {_TYPES[data_type]}")
        try:
            return np.frombuffer(tensor.raw_data, _TYPES[data_type]).reshape(list(tensor.dims))
        except ValueError as error:
            raise GraphError(f"the network's tensor {name} is cut short") from error

    def _put(self, name: str, value: NDArray[Any]) -> None:
        tensor = self._tensors[name]
        tensor.dims[:] = value.shape
        tensor.raw_data = np.ascontiguousarray(value).tobytes()


def _model_class() -> type[Any]:
    file = descriptor_pb2.FileDescriptorProto(name="parley/onnx_subset.proto", package="parley.onnx", syntax="proto3")
    for message, fields in _FIELDS.items():
        entry = file.message_type.add(name=message)
        for name, number, kind, type_name in fields:
            label = _FIELD.LABEL_REPEATED if name in _REPEATED else _FIELD.LABEL_OPTIONAL
            field = entry.field.add(name=name, number=number, type=kind, label=label)
            if type_name:
                field.type_name = f".parley.onnx.{type_name}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("parley.onnx.ModelProto"))


_MODEL: Final = _model_class()
