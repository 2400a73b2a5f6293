from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from encoders import SIZES
from scipy.special import expit
from sklearn import metrics
from tiny import tiny_model, tiny_tokenizer
from transformers import LongformerConfig

from bias.encoder import OnnxEncoder
from bias.errors import DataError, ModelError
from bias.training.evaluation.measures import calibration_error
from bias.training.export import (
    PARITY,
    check_parity,
    export_fp32,
    quantisation_change,
    quantise,
    rehearse_export,
    sentence_logits,
)
from bias.training.model import BiasConfig, BiasModel

TEXTS = ["the reckless vote", "a tax on the vote said the minister in the regime", "Regime!"]


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fp32 export of `tiny_model(5)` with its tokenizer beside it."""
    folder = tmp_path_factory.mktemp("exact")
    export_fp32(tiny_model(5), folder / "exact.onnx")
    tiny_tokenizer().save(str(folder / "tokenizer.json"))
    return folder / "exact.onnx"


def test_parity_reads_every_head_at_every_length(exact: Path) -> None:
    assert check_parity(tiny_model(5), exact, tiny_tokenizer(), TEXTS) < PARITY / 10
    for head in ("sentence", "token", "opinion", "technique"):
        other = tiny_model(5)
        with torch.no_grad():
            getattr(other, head).bias[-1] += 0.01
        with pytest.raises(ModelError, match=r"exact\.onnx gives logits that lie up to 0\.01 from torch's; 0\.0001"):
            check_parity(other, exact, tiny_tokenizer(), TEXTS)
        assert check_parity(other, exact, tiny_tokenizer(), TEXTS, tolerance=0.02) == pytest.approx(0.01, abs=1e-5)
    last = tiny_model(5)
    with torch.no_grad():
        last.encoder.embeddings.position_embeddings.weight[-1, ::2] += 1.0  # tells in the longest text alone
    with pytest.raises(ModelError, match="logits"):
        check_parity(last, exact, tiny_tokenizer(), TEXTS)
    with pytest.raises(ValueError, match="one text"):
        check_parity(last, exact, tiny_tokenizer(), [])


def test_what_can_be_worked_out_beforehand_is(exact: Path, tmp_path: Path) -> None:
    quantise(exact, tmp_path / "small.onnx", "int8")
    for path in (exact, tmp_path / "small.onnx"):
        graph = onnx.load(path).graph
        kinds = [node.op_type for node in graph.node]
        weights = {weight.name: weight for weight in graph.initializer}
        assert kinds.count("Gather") == 1  # the words' vectors; the segment's is in those of the positions
        (heads,) = (node for node in graph.node if node.op_type == "MatMul" and weights[node.input[1]].dims[1] == 9)
        assert weights[heads.input[1]].data_type == onnx.TensorProto.FLOAT


def test_numbers_that_are_none_are_no_parity(exact: Path) -> None:
    model = tiny_model(5)
    with torch.no_grad():
        model.opinion.bias.fill_(torch.nan)
    with pytest.raises(ModelError, match="up to inf"):
        check_parity(model, exact, tiny_tokenizer(), TEXTS)


def test_an_encoder_that_cannot_be_exported_is_told_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    model = BiasModel(BiasConfig(base=LongformerConfig(**SIZES, attention_window=8).to_dict()))
    capfd.readouterr()
    with pytest.raises(ModelError, match="longformer cannot be written as ONNX"):
        rehearse_export(model)
    assert capfd.readouterr() == ("", "")


# What quantisation changes


def test_the_change_by_quantisation_is_what_scikit_learn_says() -> None:
    generator = np.random.default_rng(3)
    labels = (generator.random(400) < 0.4).astype(float)
    exact = 2 * labels - 1 + generator.normal(size=400)
    quantised = exact + generator.normal(size=400) * 0.2
    change = quantisation_change(exact, quantised, labels, lambda logits: expit(2 * logits), threshold=0.6)
    for logits, found in ((exact, change.exact), (quantised, change.quantised)):
        p = expit(2 * logits)
        assert found["macro_f1"] == pytest.approx(metrics.f1_score(labels, p >= 0.6, average="macro"))
        assert found["auroc"] == pytest.approx(metrics.roc_auc_score(labels, p))
        assert found["calibration_error"] == pytest.approx(calibration_error(labels, p))
    distance = np.abs(expit(2 * exact) - expit(2 * quantised))
    assert (change.moved, change.moved_mean) == pytest.approx((distance.max(), distance.mean()))
    assert change.flipped == ((expit(2 * exact) >= 0.6) != (expit(2 * quantised) >= 0.6)).sum() > 0
    assert change.sentences == 400


def test_a_file_against_itself_does_not_change(exact: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    quantise(exact, tmp_path / "small.onnx", "int8")
    assert caplog.messages == []
    of_exact, of_small = (
        sentence_logits(OnnxEncoder(path, exact.with_name("tokenizer.json"), 64, 1), TEXTS)
        for path in (exact, tmp_path / "small.onnx")
    )
    labels = np.array([1.0, 0.7, 0.2])
    same = quantisation_change(of_exact, of_exact, labels)
    assert (same.moved, same.flipped) == (0.0, 0)
    assert same.exact == same.quantised
    assert 0 < quantisation_change(of_exact, of_small, labels).moved < 0.05
    with pytest.raises(DataError, match="both kinds"):
        quantisation_change(of_exact, of_small, np.ones(3))
