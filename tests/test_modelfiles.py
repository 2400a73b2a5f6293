"""Model files from strangers: each of these is refused with one clear line, before a library opens it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from encoders import ENCODERS, write_encoder
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file
from tiny import tiny_tokenizer

from bias.cli import main
from bias.detector import Detector
from bias.errors import ModelError
from bias.modelfiles import check_form
from bias.modelfiles.onnx import check_onnx
from bias.modelfiles.protobuf import fields, varints
from bias.modelfolder import MANIFEST, TOKENIZER, TRAINABLE, WEIGHTS, default_model, digest, open_model
from bias.training.bases import open_base
from bias.training.export import export_fp32, quantise

Change = Callable[[Any], Any]


@pytest.fixture
def copy(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def sign(folder: Path) -> None:
    """Describe the files as they are now, as a stranger would."""
    manifest = json.loads((folder / MANIFEST).read_text())
    for name in manifest["files"]:
        manifest["files"][name] = {"bytes": (folder / name).stat().st_size, "sha256": digest(folder / name)}
    (folder / MANIFEST).write_text(json.dumps(manifest))


def refused(folder: Path, capsys: pytest.CaptureFixture[str], *, verify: bool = False) -> str:
    """The one line that the command ends with."""
    sign(folder)
    assert main(["info", str(folder), *(["--verify"] if verify else [])]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("bias: ")
    assert err.count("\n") == 1
    assert len(err) < 600
    return err


# ONNX


def change_model(path: Path, change: Change) -> None:
    model = onnx.load(str(path))
    change(model)
    path.write_bytes(model.SerializeToString())


def outside(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")


def outside_by_entry_alone(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].external_data.add(key="location", value="/dev/zero")


def outside_in_an_attribute(model: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["c"], value=TensorProto(name="c", data_type=1, dims=[1]))
    node.attribute[0].t.data_location = TensorProto.EXTERNAL
    node.attribute[0].t.external_data.add(key="location", value="x.bin")
    model.graph.node.insert(0, node)


def oversized(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [2**40, 2**20]


def larger_than_it_holds(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims.append(7)


def subgraph(model: onnx.ModelProto) -> None:
    branch = helper.make_graph([], "b", [], [])
    model.graph.node.insert(0, helper.make_node("If", ["input_ids"], ["x"], then_branch=branch, else_branch=branch))


def function(model: onnx.ModelProto) -> None:
    model.functions.append(helper.make_function("d", "F", ["x"], ["y"], [], [helper.make_opsetid("", 20)]))


def sparse(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add()


def strings(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(TensorProto(name="s", data_type=TensorProto.STRING, dims=[1], string_data=[b"x"]))


def other_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            lambda m: setattr(m.graph.node[0], "domain", "evil.ops"),
            "of evil.ops, and only those of ONNX and its attention",
        ),
        (lambda m: setattr(m.graph.node[0], "domain", "com.microsoft"), "of com.microsoft, and only those"),
        (outside, "lies in another file (../../../etc/passwd), which is never read"),
        (outside_by_entry_alone, "lies in another file (/dev/zero), which is never read"),
        (outside_in_an_attribute, "lies in another file (x.bin), which is never read"),
        (oversized, "is oversized: 1099511627776 x 1048576"),
        (larger_than_it_holds, "elements by its shape, and holds"),
        (subgraph, "the operator If holds a graph of its own"),
        (function, "it holds functions of its own"),
        (sparse, "it holds sparse tensors"),
        (strings, "the tensor s holds something else than numbers"),
        (other_input, "its input is not input_ids, whole numbers in two dimensions, but input_ids, more"),
        (lambda m: m.graph.output.pop(), "its outputs are not sentence, token, opinion, technique, but"),
        (lambda m: setattr(m.graph.output[0], "name", "x"), "its outputs are not sentence"),
        (lambda m: m.graph.ClearField("input"), "its input is not input_ids"),
    ],
)
def test_hostile_models_are_refused(
    copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, change: Change, line: str
) -> None:
    monkeypatch.setattr("onnxruntime.InferenceSession", None)  # nothing may be built
    change_model(copy / WEIGHTS, change)
    assert line in refused(copy, capsys)


def test_two_graphs_in_one_are_refused(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A parser joins two values of one field, so each could be harmless alone."""
    data = (copy / WEIGHTS).read_bytes()
    graph = onnx.load(str(copy / WEIGHTS)).graph.SerializeToString()
    (copy / WEIGHTS).write_bytes(data + onnx.ModelProto(graph=onnx.load(str(copy / WEIGHTS)).graph).SerializeToString())
    assert graph
    assert "it has 2 of: graph" in refused(copy, capsys)


@pytest.mark.parametrize(
    "data",
    [
        b"not a model",
        b"\x80\x04\x95pickle",
        b"\x3a\xff\xff\xff\xff\x0f",
        b"\xff" * 64,
        b"\x3a\x02\x08",
        b"\x3b" * 9,
        b"\x08\x0a",
        b"PK\x03\x04torch",
    ],
)
def test_what_is_no_onnx_is_refused(copy: Path, capsys: pytest.CaptureFixture[str], data: bytes) -> None:
    (copy / WEIGHTS).write_bytes(data)
    assert "not a model file that is opened here" in refused(copy, capsys)


def test_a_cut_model_is_refused_wherever_it_is_cut(copy: Path) -> None:
    data = (copy / WEIGHTS).read_bytes()
    for at in range(1, len(data) - 1, len(data) // 97):
        (copy / WEIGHTS).write_bytes(data[:at])
        with pytest.raises(ModelError):
            check_onnx(copy / WEIGHTS)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_byte_makes_the_reader_fail_otherwise(tiny_folder: Path, tmp_path_factory: Any, data: st.DataObject) -> None:
    content = bytearray((tiny_folder / WEIGHTS).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "changed.onnx"
    path.write_bytes(content)
    with suppress(ModelError):
        check_onnx(path)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=8),
    st.lists(st.floats(width=32, allow_nan=False), max_size=8),
    st.text(max_size=20),
)
def test_the_wire_format_is_that_of_onnx(dims: list[int], floats: list[float], name: str) -> None:
    tensor = TensorProto(dims=dims, float_data=floats, name=name, data_type=1)
    found: dict[int, list[Any]] = {}
    for number, value in fields(memoryview(tensor.SerializeToString())):
        found.setdefault(number, []).append(value)
    assert [n - 2**64 * (n >= 2**63) for value in found.get(1, []) for n in varints(value)] == dims
    assert [x for value in found.get(4, []) for x in np.frombuffer(value, "<f4").tolist()] == list(tensor.float_data)
    assert "".join(bytes(value).decode() for value in found.get(8, [])) == name


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT8, TensorProto.DOUBLE])
def test_tensors_may_hold_their_numbers_in_either_way(copy: Path, raw: bool, kind: int) -> None:
    values = np.arange(-3, 3).astype(helper.tensor_dtype_to_np_dtype(kind))
    tensor = numpy_helper.from_array(values, "t") if raw else helper.make_tensor("t", kind, [6], values.tolist())
    change_model(copy / WEIGHTS, lambda m: m.graph.initializer.append(tensor))
    check_onnx(copy / WEIGHTS)


@pytest.mark.parametrize("kind", ENCODERS)
def test_what_is_exported_passes(kind: str, tmp_path: Path) -> None:
    base = open_base(str(write_encoder(tmp_path / kind, ENCODERS[kind]())), {})
    export_fp32(base.model, tmp_path / "exact.onnx")
    check_onnx(tmp_path / "exact.onnx")
    for precision in ("int8", "int8-static"):
        quantise(tmp_path / "exact.onnx", tmp_path / "small.onnx", precision, [[1, 2, 3]])
        check_onnx(tmp_path / "small.onnx")


def test_weights_that_are_no_numbers_give_no_report(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def spoil(model: onnx.ModelProto) -> None:
        for tensor in model.graph.initializer:
            if tensor.data_type == TensorProto.FLOAT and tensor.dims:
                tensor.CopyFrom(numpy_helper.from_array(np.full(list(tensor.dims), np.nan, np.float32), tensor.name))

    change_model(copy / WEIGHTS, spoil)
    assert "numbers that are not finite" in refused(copy, capsys, verify=True)


# Safetensors


def change_header(path: Path, change: Change) -> None:
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    change(header)
    new = json.dumps(header).encode()
    path.write_bytes(len(new).to_bytes(8, "little") + new + data[8 + length :])


def first(header: dict[str, Any]) -> dict[str, Any]:
    return min((v for k, v in header.items() if k != "__metadata__"), key=lambda v: v["data_offsets"])  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda h: first(h).update(shape=[2**62]), "which is not what its shape says"),
        (lambda h: first(h).update(shape=[-1, -1]), "a size that is no whole number"),
        (lambda h: first(h).update(data_offsets=[0, 10**12]), "which is not what its shape says"),
        (lambda h: first(h).update(dtype="OBJECT"), "holds something else than numbers"),
        (lambda h: first(h).pop("shape"), "not a safetensors file that is opened here"),
        (lambda h: h.update(extra={"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}), "not what its shape says"),
        (lambda h: h.pop(next(k for k, v in h.items() if v is first(h))), "not what its shape says"),
    ],
)
def test_hostile_weights_to_train_on_are_refused(
    copy: Path, capsys: pytest.CaptureFixture[str], change: Change, line: str
) -> None:
    change_header(copy / TRAINABLE, change)
    assert line in refused(copy, capsys, verify=True)
    with pytest.raises(ModelError):
        open_base(str(copy), {})


@pytest.mark.parametrize("data", [b"\x80\x04\x95pickle of torch", b"", (2**63).to_bytes(8, "little"), b"\xff" * 99])
def test_what_is_no_safetensors_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(data)
    with pytest.raises(ModelError, match="not a safetensors file: a header of"):
        check_form(tmp_path / "a.safetensors")


def test_weights_with_something_after_them_are_refused(tmp_path: Path) -> None:
    save_file({"a": np.zeros(3, np.float16)}, tmp_path / "a.safetensors")
    assert check_form(tmp_path / "a.safetensors") == "1 tensors that fill the file as their shapes say"
    with (tmp_path / "a.safetensors").open("ab") as file:
        file.write(b"PK\x03\x04")
    with pytest.raises(ModelError, match="its tensors take 6 bytes, and it holds 10"):
        check_form(tmp_path / "a.safetensors")


# Tokenizers


def split(pattern: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def replaces(old: str, new: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": {"String": old}, "content": new}


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"type": "Lowercase"}
    for _ in range(depth):
        value = {"type": "Sequence", "normalizers": [value]}
    return value


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda t: t.update(pre_tokenizer=split("(a+)+$")), "it holds the pattern '(a+)+$', and patterns can take"),
        (
            lambda t: t.update(
                normalizer={
                    "type": "Sequence",
                    "normalizers": [{"type": "Replace", "pattern": {"Regex": "(x|x)*y"}, "content": ""}],
                }
            ),
            "it holds the pattern '(x|x)*y'",
        ),
        (lambda t: t.update(decoder={"type": "Replace", "pattern": {"Regex": ".*.*x"}, "content": ""}), "'.*.*x'"),
        (lambda t: t.update(normalizer={"type": "Custom"}), "its normalizer is of the kind 'Custom'"),
        (lambda t: t.update(pre_tokenizer={"type": "PyPreTokenizer"}), "its pre_tokenizer is of the kind"),
        (lambda t: t.update(post_processor={"type": "Other"}), "its post_processor is of the kind 'Other'"),
        (lambda t: t["model"].update(type="Python"), "its model is of the kind 'Python'"),
        (lambda t: t["model"].update(max_input_chars_per_word=10**9), "at most 1,000 are"),
        (lambda t: t["model"].update(dropout=0.5), "it leaves pieces to chance (dropout)"),
        (lambda t: t["model"]["vocab"].update({"x" * 5_000: 9}), "its pieces are not texts of up to 1,000"),
        (lambda t: t["model"]["vocab"].update({"x": -1}), "its pieces are not numbered from 0"),
        (lambda t: t["model"].update(vocab={}), "it has 0 pieces"),
        (
            lambda t: (
                t["added_tokens"].append({**t["added_tokens"][0], "content": ""})
                if t["added_tokens"]
                else t.update(added_tokens=[{"content": ""}])
            ),
            "its added tokens",
        ),
        (lambda t: t.update(normalizer=replaces("a", "a" * 100)), "puts more in the place of 'a' than there was"),
        (lambda t: t.update(normalizer=replaces("", "b")), "puts more in the place of ''"),
        (lambda t: t.update(normalizer={"type": "Prepend", "prepend": "x" * 1_000}), "puts 1,000 characters in front"),
        (lambda t: t.update(normalizer=nested(20)), "nested too deep"),
        (
            lambda t: t.update(normalizer={"type": "Sequence", "normalizers": [{"type": "NFC"}] * 1_000}),
            "has 1,000 steps",
        ),
        (lambda t: t["post_processor"].update(single=t["post_processor"]["single"] * 2), "hold a text once"),
        (lambda t: t.pop("model"), "not a tokenizer that is opened here"),
    ],
)
def test_hostile_tokenizers_are_refused(
    copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, change: Change, line: str
) -> None:
    monkeypatch.setattr("bias.encoder.Tokenizer", None)  # nothing may be built
    values = json.loads((copy / TOKENIZER).read_text())
    change(values)
    (copy / TOKENIZER).write_text(json.dumps(values))
    assert line in refused(copy, capsys)


@pytest.mark.parametrize("data", ["[" * 100_000, "[]", "9" * 9_999, '"x"', "{}", "\ud83d"])
def test_what_is_no_tokenizer_is_refused(copy: Path, capsys: pytest.CaptureFixture[str], data: str) -> None:
    (copy / TOKENIZER).write_bytes(data.encode("utf-8", "surrogatepass"))
    assert TOKENIZER in refused(copy, capsys)


def test_an_oversized_tokenizer_is_not_read(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (copy / TOKENIZER).open("ab") as file:
        file.truncate(60_000_000)
    assert "is over 50,000,000 bytes" in refused(copy, capsys)


def test_the_runs_that_sentencepiece_folds_are_no_hostile_pattern(tmp_path: Path) -> None:
    values = json.loads(tiny_tokenizer().to_str())
    values["normalizer"] = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
    (tmp_path / TOKENIZER).write_text(json.dumps(values))
    assert check_form(tmp_path / TOKENIZER).startswith("WordPiece of ")


@pytest.mark.parametrize("table", [b"\xff" * 40, b"", b"\x04\0\0\0", b"\x04\0\0\0....\xff", b"\x03\0\0\0..."])
def test_a_broken_table_of_characters_is_refused(copy: Path, capsys: pytest.CaptureFixture[str], table: bytes) -> None:
    assert TOKENIZER in refused_table(copy, capsys, table)


def test_a_table_of_characters_that_makes_the_library_panic_is_an_error_of_ours(
    copy: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The library prints its own lines first; the last one is ours."""
    table = (1024).to_bytes(4, "little") + b"\xff\xff\xff\x7f" * 256 + b"a\0"
    spoil_table(copy, table)
    sign(copy)
    assert main(["info", str(copy), "--verify"]) == 2
    assert capfd.readouterr().err.splitlines()[-1] == (
        "bias: the tokenizer fails inside the tokenizers library: it is damaged, get the model again"
    )


def refused_table(folder: Path, capsys: pytest.CaptureFixture[str], table: bytes) -> str:
    spoil_table(folder, table)
    return refused(folder, capsys, verify=True)


def spoil_table(folder: Path, table: bytes) -> None:
    values = json.loads((folder / TOKENIZER).read_text())
    values["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(table).decode()}
    (folder / TOKENIZER).write_text(json.dumps(values))


# Code, names and sizes


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.PKL", "x.npy", "training_args.bin"])
def test_pickles_are_refused_by_name(copy: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (copy / name).write_bytes(b"\x80\x04\x95")
    assert f"{name} is a pickle or may be one, which runs code when opened: remove it" in refused(copy, capsys)


@pytest.mark.parametrize("name", ["modeling_evil.py", "ops.so"])
def test_programs_are_refused_by_name(copy: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (copy / name).write_text("")
    assert f"{name} is a program, and no part of a model" in refused(copy, capsys)


@pytest.mark.parametrize("change", [{"auto_map": {"AutoModel": "x.y"}}, {"base": {"deep": [{"auto_map": {}}]}}])
def test_remote_code_is_refused_by_name(copy: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any]) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | change))
    assert "asks for code that comes with the model (auto_map), which is never run" in refused(
        copy, capsys, verify=True
    )
    with pytest.raises(ModelError, match="auto_map"):
        open_base(str(copy), {})


@pytest.mark.parametrize(
    "name", ["../secret.json", "/etc/passwd", "a/b.json", "..", ".hidden", "a\0b", "a\nb", "C:\\x", "~", "x" * 200, ""]
)
def test_names_that_are_paths_are_refused(copy: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    manifest = json.loads((copy / MANIFEST).read_text())
    manifest["files"][name] = {"bytes": 1, "sha256": "0" * 64}
    (copy / MANIFEST).write_text(json.dumps(manifest))
    assert main(["info", str(copy)]) == 2
    err = capsys.readouterr().err
    assert "is no plain file name" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "described", [{"bytes": -1}, {"bytes": "1"}, {"bytes": True}, {"sha256": "../x"}, {"sha256": 7}]
)
def test_sizes_and_digests_have_their_form(copy: Path, described: dict[str, Any]) -> None:
    manifest = json.loads((copy / MANIFEST).read_text())
    manifest["files"][WEIGHTS].update(described)
    (copy / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="is described by its bytes and its sha256"):
        open_model(copy)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("name", [WEIGHTS, TOKENIZER, MANIFEST])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(copy: Path, name: str) -> None:
    (copy / name).unlink()
    os.mkfifo(copy / name)
    with pytest.raises(ModelError, match=r"no file|is missing"):
        open_model(copy)


@pytest.mark.parametrize("data", ["[" * 100_000, '{"format": ' + "1" * 5_000 + "}", "[]", "NaN", "\x00"])
def test_a_hostile_description_is_one_line(copy: Path, capsys: pytest.CaptureFixture[str], data: str) -> None:
    (copy / MANIFEST).write_text(data)
    assert main(["info", str(copy)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("name", ["metrics.json", "run.json", "recipe.toml"])
def test_what_stands_beside_a_model_cannot_fail_it_otherwise(
    copy: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (copy / name).write_text(("a=" if name.endswith("toml") else "") + "[" * 100_000)
    assert main(["info", str(copy)]) == 2
    err = capsys.readouterr().err
    assert name in err
    assert err.count("\n") == 1


def test_verify_says_what_it_checked(tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(tiny_folder), "--verify", "--output-format", "json"]) == 0
    checked = json.loads(capsys.readouterr().out)["checked"]
    assert "known operators" in checked[WEIGHTS]
    assert "no patterns" in checked[TOKENIZER]
    assert "tensors that fill the file" in checked[TRAINABLE]
    assert checked["config.json"].endswith("asks for no code of its own")
    assert checked["in use"] == "loads, and gives finite numbers for a sentence"


def test_the_shipped_model_is_looked_through_in_well_under_a_second() -> None:
    check_onnx(default_model() / WEIGHTS)
    begun = time.process_time()
    for name in (WEIGHTS, TOKENIZER):
        check_form(default_model() / name)
    assert time.process_time() - begun < 0.5


def test_a_sound_folder_still_reads(copy: Path) -> None:
    sign(copy)
    assert Detector(copy).score("The regime fell.").sentences
