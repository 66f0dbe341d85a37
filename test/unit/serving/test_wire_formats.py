"""Message formats: what is packed comes back, and nothing that a stranger sends does harm."""

from __future__ import annotations

import io
import os
import pickle
import struct
from base64 import b64decode
from typing import Any

import hypothesis.extra.numpy as hnp
import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from groot_ros.wire import numpy_wire, nvidia_wire
from groot_ros.wire.bounded import LIMITS, Lease, WireError, WireLimits
from groot_ros.wire.nvidia_wire import Form


class NvidiaSince:
    """NVIDIA's format in its form since May 2026."""

    unpack = staticmethod(nvidia_wire.unpack)

    @staticmethod
    def pack(value: Any) -> bytes:
        return nvidia_wire.pack(value, Form.MSGPACK_NUMPY)


FORMATS = pytest.mark.parametrize(
    "wire", [nvidia_wire, NvidiaSince, numpy_wire], ids=["npy", "msgpack_numpy", "numpy"]
)
DTYPES = st.sampled_from(["|b1", "|u1", "<i2", "<i4", "<i8", "<u2", "<f2", "<f4", "<f8", ">f4"])
ARRAYS = DTYPES.flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
)
PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary()
VALUES = st.recursive(
    PLAIN | st.floats(allow_nan=False) | ARRAYS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
HOSTILE = st.recursive(
    PLAIN | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text()
            | st.sampled_from(
                ["__ndarray_class__", "as_npy", "__ModalityConfig_class__", "as_json"]
            )
            | st.sampled_from(["__jpeg__", "frames", "shape", b"__ndarray__", b"__npgeneric__"])
            | st.sampled_from([b"nd", b"type", b"kind", "__ModalityConfig__"])
            | st.sampled_from([b"data", b"dtype", b"shape", b"__jpeg__", b"frames", b"__cmd__"]),
            inner | st.sampled_from([["<f4"], "<f4", "|O", [2, 3], b"\x93NUMPY\x01\x00"]),
            max_size=5,
        )
    ),
    max_leaves=12,
)


def same(left: Any, right: Any) -> bool:
    if isinstance(left, np.ndarray):
        return (
            isinstance(right, np.ndarray)
            and left.dtype.newbyteorder("=") == right.dtype
            and np.array_equal(left, right, equal_nan=left.dtype.kind == "f")
        )
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right) and type(left) is type(right)


@FORMATS
@settings(max_examples=60)
@given(value=VALUES)
def test_what_is_packed_comes_back(wire: Any, value: Any) -> None:
    assert same(value, wire.unpack(wire.pack(value)))


@FORMATS
@given(data=st.binary(max_size=300) | HOSTILE.map(msgpack.packb))
def test_any_bytes_are_a_value_or_one_error(wire: Any, data: bytes) -> None:
    try:
        wire.unpack(data)
    except WireError as error:
        assert "\n" not in str(error)


@FORMATS
@settings(max_examples=50)
@given(value=VALUES, data=st.data())
def test_damaged_messages_are_a_value_or_one_error(wire: Any, value: Any, data: Any) -> None:
    message = bytearray(wire.pack({"observation": value, "state": np.ones((1, 9), np.float32)}))
    for _ in range(data.draw(st.integers(1, 5))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    try:
        wire.unpack(bytes(message[: data.draw(st.integers(0, len(message)))]))
    except WireError as error:
        assert len(str(error)) < 1000


def npy(array: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


class Bomb:
    def __reduce__(self) -> Any:
        return os._exit, (3,)


def npy_message(file: bytes) -> bytes:
    return bytes(msgpack.packb({"__ndarray_class__": True, "as_npy": file}))


def numpy_message(data: Any, dtype: Any, shape: Any) -> bytes:
    fields = {b"__ndarray__": True, b"data": data, b"dtype": dtype, b"shape": shape}
    return bytes(msgpack.packb(fields))


def msgpack_numpy_message(data: Any, dtype: Any, kind: bytes, shape: Any = (1,)) -> bytes:
    fields = {b"nd": True, b"type": dtype, b"kind": kind, b"shape": shape, b"data": data}
    return bytes(msgpack.packb(fields))


HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }"


def npy_file(header: str, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        (nvidia_wire, npy_message(npy(np.array([Bomb()], object), allow_pickle=True))),
        (nvidia_wire, npy_message(pickle.dumps(Bomb()))),
        (nvidia_wire, npy_message(npy_file(HEADER % "(1000000000000,)"))),
        (nvidia_wire, npy_message(npy_file(HEADER % ("(" * 5000)))),
        (nvidia_wire, npy_message(npy_file(HEADER % "__import__('os')._exit(3)"))),
        (nvidia_wire, npy_message(npy_file((HEADER % "(1,)").replace("<f4", "|O"), bytes(8)))),
        (numpy_wire, numpy_message(pickle.dumps(Bomb()), "|O", [1])),
        (numpy_wire, numpy_message(b"", "<f4", [0, 1 << 39, 1 << 39])),
        (numpy_wire, numpy_message(b"1234", "<f4", [-1])),
        (numpy_wire, numpy_message(b"1234", "f4,f4", [1])),
        (numpy_wire, numpy_message(b"", "<f4", [0] * 40)),
        (numpy_wire, numpy_message([1], "<f4", [1])),
        (numpy_wire, msgpack.packb({b"__npgeneric__": 1, b"data": 300.5, b"dtype": ["x"]})),
        (numpy_wire, msgpack.packb({b"__jpeg__": True, b"frames": [b"\xff\xd8"], b"ndim": 3})),
        (numpy_wire, msgpack.packb(msgpack.ExtType(5, b"x"))),
        (nvidia_wire, msgpack_numpy_message(pickle.dumps(Bomb()), "|O", b"O")),
        (nvidia_wire, msgpack_numpy_message(b"", [["x", "<f4"]], b"V")),
        (nvidia_wire, msgpack_numpy_message(bytes(4), "<f4", b"", [1_000_000_000_000])),
        (nvidia_wire, b"\x91" * 100_000),
        (nvidia_wire, b"\xdd\xff\xff\xff\xff"),
        (nvidia_wire, b"\xc6\xff\xff\xff\xff"),
        (nvidia_wire, b"\xdc\xff\xff" + b"\x80" * 65535),
        (nvidia_wire, b"\x80\x80"),
        (nvidia_wire, b""),
    ],
    ids=lambda _: "",
)
def test_hostile_messages_are_refused(wire: Any, message: bytes) -> None:
    with pytest.raises(WireError):
        wire.unpack(message)


@FORMATS
def test_a_message_that_is_too_large_is_not_read(wire: Any) -> None:
    with pytest.raises(WireError, match="at most"):
        wire.unpack(bytes(LIMITS.message_bytes + 1))


def test_a_small_jpeg_file_of_a_huge_picture_is_not_decoded() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (300, 200)).save(stream, "JPEG")
    message = msgpack.packb({b"__jpeg__": True, b"frames": [stream.getvalue()], b"ndim": 3})
    assert numpy_wire.unpack(message).shape == (200, 300, 3)
    with pytest.raises(WireError, match="300x200"):
        numpy_wire.unpack(message, Lease(limits=WireLimits(pixels=10_000)))


@pytest.mark.parametrize("value", [object(), np.array([object()]), np.array(["text"]), {1j: 2}])
@FORMATS
def test_what_has_no_form_is_not_sent(wire: Any, value: Any) -> None:
    with pytest.raises(WireError, match="cannot be sent"):
        wire.pack({"key": value})


def test_pictures_as_jpeg_keep_their_shape() -> None:
    row = np.linspace(0, 255, 64).astype(np.uint8)
    image = np.stack([np.tile(row, (48, 1))] * 3, axis=-1)
    for sent, received in (
        (image, numpy_wire.unpack(numpy_wire.pack(numpy_wire.jpeg_map(image)))),
        (image[None], numpy_wire.unpack(numpy_wire.pack(numpy_wire.jpeg_map(image[None])))),
        (
            image[None, None],
            nvidia_wire.unpack(nvidia_wire.pack(nvidia_wire.Jpegs(image[None, None], 90))),
        ),
    ):
        assert received.shape == sent.shape and received.dtype == np.uint8
        assert np.abs(received.astype(int) - sent).max() < 8


# Written by the clients themselves: MsgSerializer of NVIDIA's N1.6 release (commit 4e62473d),
# msgpack_numpy 0.4.8 as NVIDIA's commit 3df8b38 drives it,
# msgpack_numpy of openpi-client 0.1.2, serialise of positronic 0.4.1.
NVIDIA_ACTION = b64decode(
    "g6hlbmRwb2ludKpnZXRfYWN0aW9upGRhdGGCq29ic2VydmF0aW9ug6V2aWRlb4Ghd4KxX19uZGFycmF5X2NsYX"
    "NzX1/DpmFzX25wecSMk05VTVBZAQB2AHsnZGVzY3InOiAnfHUxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwg"
    "J3NoYXBlJzogKDEsIDEsIDIsIDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC"
    "AgICAgICAgICAgIAoAAQIDBAUGBwgJCgulc3RhdGWBoXCCsV9fbmRhcnJheV9jbGFzc19fw6Zhc19ucHnEiJNO"
    "VU1QWQEAdgB7J2Rlc2NyJzogJzxmNCcsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgxLCAxLC"
    "AyKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKAACA"
    "PwAAIECobGFuZ3VhZ2WBpHRhc2uRkaJnb6dvcHRpb25zwKlhcGlfdG9rZW6hdA=="
)
NVIDIA_MOD = b64decode(
    "gaZhY3Rpb26CuF9fTW9kYWxpdHlDb25maWdfY2xhc3NfX8OnYXNfanNvboWtZGVsdGFfaW5kaWNlc5IAAa1tb2"
    "RhbGl0eV9rZXlzkqdlZV9wb3NlpGdyaXC2c2luX2Nvc19lbWJlZGRpbmdfa2V5c8C3bWVhbl9zdGRfZW1iZWRk"
    "aW5nX2tleXPArmFjdGlvbl9jb25maWdzkoSjcmVwqFJFTEFUSVZFpHR5cGWjRUVGpmZvcm1hdKlYWVpfUk9UNk"
    "Spc3RhdGVfa2V5p2VlX3Bvc2WEo3JlcKhBQlNPTFVURaR0eXBlp05PTl9FRUamZm9ybWF0p0RFRkFVTFSpc3Rh"
    "dGVfa2V5wA=="
)
NVIDIA_ACTION_MSGPACK_NUMPY = b64decode(
    "g6hlbmRwb2ludKpnZXRfYWN0aW9upGRhdGGCq29ic2VydmF0aW9ug6V2aWRlb4Ghd4XEAm5kw8QEdHlwZaN8dT"
    "HEBGtpbmTEAMQFc2hhcGWVAQECAgPEBGRhdGHEDAABAgMEBQYHCAkKC6VzdGF0ZYGhcIXEAm5kw8QEdHlwZaM8"
    "ZjTEBGtpbmTEAMQFc2hhcGWTAQECxARkYXRhxAgAAIA/AAAgQKhsYW5ndWFnZYGkdGFza5GRomdvp29wdGlvbn"
    "PAqWFwaV90b2tlbqF0"
)
NVIDIA_REPLY_MSGPACK_NUMPY = b64decode(
    "koGnZWVfcG9zZYXEAm5kw8QEdHlwZaM8ZjTEBGtpbmTEAMQFc2hhcGWTAQECxARkYXRhxAgAAIA/AAAgQIGhbs"
    "s/+AAAAAAAAA=="
)
OPENPI = b64decode(
    "hLFvYnNlcnZhdGlvbi9zdGF0ZYTEC19fbmRhcnJheV9fw8QEZGF0YcQIAACAPwAAIEDEBWR0eXBlozxmNMQFc2"
    "hhcGWSAQKlaW1hZ2WExAtfX25kYXJyYXlfX8PEBGRhdGHEDAABAgMEBQYHCAkKC8QFZHR5cGWjfHUxxAVzaGFw"
    "ZZMCAgOhboPEDV9fbnBnZW5lcmljX1/DxARkYXRhyz/4AAAAAAAAxAVkdHlwZaM8ZjSmcHJvbXB0omdv"
)
POSITRONIC = b64decode(
    "hK1yb2JvdF9zdGF0ZS5xhMQLX19uZGFycmF5X1/DxARkYXRhxAgAAIA/AAAgQMQFZHR5cGWjPGY0xAVzaGFwZZ"
    "ECq2ltYWdlLndyaXN0hMQLX19uZGFycmF5X1/DxARkYXRhxAwAAQIDBAUGBwgJCgvEBWR0eXBlo3x1McQFc2hh"
    "cGWTAgIDpGdyaXCDxA1fX25wZ2VuZXJpY19fw8QEZGF0Ycs/4AAAAAAAAMQFZHR5cGWjPGY0pHRhc2uiZ28="
)
POSITRONIC_RESULT = b64decode(
    "gaZyZXN1bHSRg61yb2JvdF9jb21tYW5kgcQHX19jbWRfX4KkdHlwZa1jYXJ0ZXNpYW5fcG9zpHBvc2WExAtfX2"
    "5kYXJyYXlfX8PEBGRhdGHEYAAAAAAAAOA/AAAAAAAAAAAzMzMzMzPTPwAAAAAAAPA/AAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAA8L8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADwv8QFZHR5cGWjPGY4xAVzaG"
    "FwZZEMq3RhcmdldF9ncmlwyz/wAAAAAAAAqXRpbWVzdGFtcMsAAAAAAAAAAA=="
)


def test_messages_of_nvidias_client_are_read_and_written_byte_for_byte() -> None:
    request = nvidia_wire.unpack(NVIDIA_ACTION)
    observation = request["data"]["observation"]
    assert request["endpoint"] == "get_action" and request["api_token"] == "t"
    assert observation["video"]["w"].shape == (1, 1, 2, 2, 3)
    assert observation["state"]["p"].tolist() == [[[1.0, 2.5]]]
    assert nvidia_wire.pack(request) == NVIDIA_ACTION
    config = nvidia_wire.unpack(NVIDIA_MOD)["action"]
    assert config["modality_keys"] == ["ee_pose", "grip"]
    assert config["action_configs"][0]["format"] == "XYZ_ROT6D"
    marked = msgpack.unpackb(nvidia_wire.pack(nvidia_wire.modality_map(config)))
    assert marked.pop("__ModalityConfig__") and marked == msgpack.unpackb(NVIDIA_MOD)["action"]


def test_messages_since_may_2026_are_read_and_written_byte_for_byte() -> None:
    request = nvidia_wire.read(NVIDIA_ACTION_MSGPACK_NUMPY)
    assert request.form is Form.MSGPACK_NUMPY
    assert same(request.value, nvidia_wire.unpack(NVIDIA_ACTION))
    assert nvidia_wire.pack(request.value, request.form) == NVIDIA_ACTION_MSGPACK_NUMPY
    actions, info = nvidia_wire.unpack(NVIDIA_REPLY_MSGPACK_NUMPY)
    assert actions["ee_pose"].tolist() == [[[1.0, 2.5]]] and info["n"] == 1.5


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ({"endpoint": "ping"}, None),
        ({"__ModalityConfig_class__": True, "as_json": "{}"}, Form.NPY),
        ({"__ModalityConfig__": True, "as_json": {}}, Form.MSGPACK_NUMPY),
        (nvidia_wire.modality_map({}), Form.MSGPACK_NUMPY),
    ],
)
def test_a_message_shows_its_form_by_what_it_holds(value: Any, form: Form | None) -> None:
    assert nvidia_wire.read(nvidia_wire.pack(value)).form is form


@pytest.mark.parametrize("golden", ["OPENPI", "POSITRONIC"])
def test_messages_of_websocket_clients_are_read_and_written_byte_for_byte(golden: str) -> None:
    message = globals()[golden]
    assert numpy_wire.pack(numpy_wire.unpack(message)) == message


def test_answers_of_positronics_server_are_read() -> None:
    (step,) = numpy_wire.unpack(POSITRONIC_RESULT)["result"]
    assert step["robot_command"]["type"] == "cartesian_pos"
    assert step["robot_command"]["pose"].shape == (12,) and step["timestamp"] == 0.0
