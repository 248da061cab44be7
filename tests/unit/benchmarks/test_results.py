"""One file holds what several runs have measured."""

import argparse
import json

import bench
import pytest
import results


def measured(date):
    return {"date": date, "machine": "a machine", "command": "a command", "load": 0.1}


def test_a_part_that_is_not_measured_again_keeps_its_figures_and_its_date(tmp_path):
    file = tmp_path / "build" / "bench.json"
    results.write(file, "model", measured("yesterday"), {"accuracy": 0.96})
    results.write(file, "serving", measured("today"), {"p50_ms": 4.2})
    results.write(file, "serving", measured("now"), {"p50_ms": 4.1})
    assert results.read(file) == {
        "model": {"measured": measured("yesterday"), "figures": {"accuracy": 0.96}},
        "serving": {"measured": measured("now"), "figures": {"p50_ms": 4.1}},
    }


@pytest.mark.parametrize("content", ["", "{", "[]", '{"imports": {"nothing": {}}}', '{"model": 1}'])
def test_a_damaged_file_or_one_of_another_form_counts_as_none(tmp_path, content):
    file = tmp_path / "bench.json"
    file.write_text(content)
    assert results.read(file) == {}


def test_where_nothing_was_measured_there_are_no_parts(tmp_path):
    assert results.read(tmp_path / "bench.json") == {}


def options(**given):
    off = dict.fromkeys(("model", "demo", "cold"), False)
    return argparse.Namespace(**off | {"only": None} | given)


KNOWN = tuple(bench.parts({}))


def test_serving_is_always_measured_and_what_takes_long_on_request():
    always = [
        *("imports", "packages", "decoding", "monitoring", "local_cloud"),
        *(
            "drift_false_alarms",
            "drift_detection",
            "serving",
            "functions",
            "plan",
            "loads",
            "growth",
        ),
    ]
    assert bench.wanted(options(), KNOWN) == always
    assert bench.wanted(options(model=True), KNOWN) == [*always, "model"]
    assert bench.wanted(options(demo=True, cold=True), KNOWN) == [*always, "warm_demo", "cold_demo"]


def test_parts_can_be_measured_alone():
    assert bench.wanted(options(only="model, imports"), KNOWN) == ["model", "imports"]


def test_a_part_that_does_not_exist_is_refused_with_those_that_do(capsys):
    with pytest.raises(SystemExit):
        bench.main(["--only", "speed"])
    assert "no part 'speed': choose from imports, packages" in capsys.readouterr().err


def test_a_hyperparameter_is_a_name_and_a_value(capsys):
    assert bench.setting("epochs=1") == ("epochs", "1")
    with pytest.raises(SystemExit):
        bench.main(["--set", "epochs"])
    assert "NAME=VALUE" in capsys.readouterr().err


def test_every_part_is_written_with_when_where_and_how_it_was_measured(
    tmp_path, monkeypatch, capsys
):
    file = tmp_path / "bench.json"
    results.write(file, "packages", measured("yesterday"), {"bytes": {"layer": 2500}})
    figures = {"nothing": {"median_s": 0.0125, "min_s": 0.01, "max_s": 0.02, "runs": 7}}
    monkeypatch.setattr(bench, "FILE", file)
    monkeypatch.setattr(bench.packages, "imports", lambda: figures)
    bench.main(["--only", "imports"])
    part = json.loads(file.read_text())["imports"]
    assert part["figures"] == figures
    assert part["measured"]["command"].endswith("bench.py --only imports")
    assert set(part["measured"]) == {"date", "command", "machine", "load", "versions", "seconds"}
    assert "onnxruntime" in part["measured"]["versions"]
    shown = capsys.readouterr().out
    assert "0.013" in shown or "0.012" in shown
    assert "packages is kept from yesterday." in shown
