"""`ocrtune VERB …` through the front door: main() with real argument lists, on a small verb of the tests' own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from PIL import Image

from ocrtune.cli.main import main
from ocrtune.runs import RunDir

Caught = pytest.CaptureFixture[str]


def only_run(root: Path = Path("runs")) -> RunDir:
    (run,) = RunDir.every(root)
    return run


def shouted(root: Path = Path("runs")) -> str:
    return (only_run(root).path / "shout.txt").read_text()


@pytest.mark.parametrize(
    "line",
    [
        ["a", "b", "--times", "2"],
        ["--words", "a,b", "--times=2"],
        ["--words", "a", "--words", "b", "--times", "2"],
        ["a", "--times", "2", "b"],
        ["a", "b", "--set", "times=2"],
    ],
)
def test_options_are_understood_in_all_their_spellings(shout: ModuleType, line: list[str]) -> None:
    assert main(["shout", *line]) == 0
    assert shouted() == "A B A B"


def test_nested_options_and_no_flags(shout: ModuleType) -> None:
    assert main(["shout", "a", "--no-loud", "--voice.mood", "calm", "--marks", "!,?"]) == 0
    assert shouted() == "a!?"
    assert "mood: calm" in (only_run().path / "config.yaml").read_text()


def test_what_was_typed_wins_over_yaml_and_yaml_over_defaults(shout: ModuleType, capsys: Caught) -> None:
    Path("one.yaml").write_text("verb: shout\nwords: [one]\ntimes: 3\nvoice: {mood: calm, pitch: 2}\n")
    Path("two.yaml").write_text("times: 4\n")
    line = ["shout", "--config", "one.yaml", "--config", "two.yaml", "--voice.mood", "angry", "--dry-run", "--json"]
    assert main(line) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["options"]["times"] == 4
    assert plan["options"]["voice"] == {"mood": "angry", "pitch": 2.0}
    assert plan["origins"] == {"words": "one.yaml", "times": "two.yaml", "loud": "default", "marks": "default",
                               "trouble": "default", "voice.mood": "command line", "voice.pitch": "one.yaml"}  # fmt: skip


def test_a_default_value_that_was_typed_still_wins(shout: ModuleType) -> None:
    Path("o.yaml").write_text("words: [a]\ntimes: 3\nloud: false\n")
    assert main(["shout", "--config", "o.yaml", "--times", "1", "--loud"]) == 0
    assert shouted() == "A"


def test_request_holds_only_what_was_asked_for(shout: ModuleType) -> None:
    main(["shout", "a", "--voice.pitch", "2"])
    assert yaml.safe_load((only_run().path / "request.yaml").read_text()) == {"words": ["a"], "voice": {"pitch": "2"}}


def test_everything_wrong_is_reported_together(shout: ModuleType, capsys: Caught) -> None:
    Path("o.yaml").write_text("wrods: [a]\nvoice: {mood: sad}\n")
    assert main(["shout", "--config", "o.yaml", "--tmes", "2", "--times", "0", "--trouble"]) == 2
    told = capsys.readouterr().err
    assert "--tmes: there is no such option (did you mean --times?)" in told
    assert "--trouble needs a value" in told
    assert "times: Input should be greater than or equal to 1" in told
    assert "wrods: there is no such option (did you mean words?) (in o.yaml)" in told
    assert "words: required, but not given" in told
    assert "voice.mood" in told and "(in o.yaml)" in told
    assert "hint: " in told
    assert not Path("runs").exists()


def test_a_recipe_of_another_verb_is_refused(shout: ModuleType, capsys: Caught) -> None:
    Path("o.yaml").write_text("verb: train\nwords: [a]\n")
    assert main(["shout", "--config", "o.yaml"]) == 2
    assert "holds options of 'train', not of 'shout'" in capsys.readouterr().err


def test_dry_run_says_where_and_whether_it_would_resume_and_touches_nothing(shout: ModuleType, capsys: Caught) -> None:
    main(["shout", "a", "--dry-run"])
    assert "would start a new run: runs/shout-" in capsys.readouterr().out
    assert not Path("runs").exists()
    main(["shout", "a", "--trouble", "input"])
    main(["shout", "a", "--trouble", "input", "--dry-run"])
    assert "would resume (failed): runs/shout-" in capsys.readouterr().out
    main(["shout", "a"])
    main(["shout", "a", "--dry-run"])
    assert "already done: runs/shout-" in capsys.readouterr().out


def test_a_finished_run_is_not_run_again_unless_fresh(shout: ModuleType, capsys: Caught) -> None:
    main(["shout", "a"])
    assert main(["shout", "a"]) == 0
    out = capsys.readouterr().out
    assert "already done: runs/shout-" in out and "shout.txt" in out
    assert len(shout.CALLS) == 1
    assert main(["shout", "a", "--fresh"]) == 0
    assert len(shout.CALLS) == 2


def test_the_folder_of_runs_comes_from_flag_then_environment(shout: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCRTUNE_RUNS", "elsewhere")
    main(["shout", "a"])
    assert shouted(Path("elsewhere")) == "A"
    main(["shout", "b", "--runs", "here"])
    assert shouted(Path("here")) == "B"
    main(["shout", "c", "--into", "exactly/there"])
    assert Path("exactly/there/shout.txt").read_text() == "C"


def test_json_is_alone_on_standard_output_and_the_same_when_already_done(shout: ModuleType, capsys: Caught) -> None:
    main(["shout", "a", "--json"])
    caught = capsys.readouterr()
    first = json.loads(caught.out)
    assert first["result"] == {"text": "A", "length": 1}
    assert first["status"] == "done" and Path(first["outputs"]["shout"]).read_text() == "A"
    assert "shouting 1 words" in caught.err
    main(["shout", "a", "--json"])
    assert json.loads(capsys.readouterr().out) == {**first, "already": True}


def test_log_lines_go_to_stderr_and_into_the_run(shout: ModuleType, capsys: Caught) -> None:
    main(["shout", "a"])
    assert "shouting 1 words\n" in capsys.readouterr().err
    assert "INFO shouting 1 words" in (only_run().path / "log.txt").read_text()


def test_quiet_says_nothing(shout: ModuleType, capsys: Caught) -> None:
    assert main(["shout", "a", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("trouble", "code", "status", "told"),
    [
        ("input", 3, "failed", "error: the word is unreadable\nhint: write it again"),
        ("interrupt", 130, "stopped", "stopped; the same command resumes"),
        ("memory", 7, "failed", "error: memory ran out"),
        ("disk", 7, "failed", "error: the disk is full while writing shout.txt"),
        ("bug", 70, "failed", "error: unexpected AssertionError: two and two make five"),
        ("partial", 10, "partial", ""),
    ],
)
def test_every_end_has_its_exit_code_and_status(
    shout: ModuleType, capsys: Caught, trouble: str, code: int, status: str, told: str
) -> None:
    assert main(["shout", "a", "--trouble", trouble]) == code
    assert only_run().status == status
    err = capsys.readouterr().err
    assert told in err and "Traceback" not in err
    assert ("Traceback" in (only_run().path / "log.txt").read_text()) == (status != "partial")


def test_a_traceback_is_shown_only_when_asked_for(shout: ModuleType, capsys: Caught) -> None:
    main(["shout", "a", "--trouble", "bug", "--traceback"])
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_help_shows_types_defaults_choices_descriptions_and_examples(shout: ModuleType, capsys: Caught) -> None:
    assert main(["shout", "--help"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("usage: ocrtune shout [WORDS] [options]\n\nWrite words in capitals.")
    assert "--times int" in page and "how often (default: 1)" in page
    assert "--loud, --no-loud" in page
    assert "Options: voice" in page and "--voice.mood {calm,angry}" in page
    assert "what to shout (required)" in page and "--words text,…" in page
    assert "  ocrtune shout hello world --times 2\n  ocrtune shout hello --voice.mood calm" in page
    assert main(["shout", "-h"]) == 0


def test_a_mistyped_command_gets_a_suggestion(capsys: Caught) -> None:
    assert main(["evalute"]) == 2
    assert "did you mean evaluate?" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error() -> None:
    line = f"{sys.executable} -m ocrtune.cli.main schema doctor | head -c 1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {line}"], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def labelled_images(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        Image.new("RGB", (40 + number, 20), "white").save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(f"line {number}")


def test_quiet_silences_the_progress_bars_of_a_real_verb(tmp_path: Path) -> None:
    labelled_images(tmp_path / "pairs", 4)
    line = [sys.executable, "-m", "ocrtune.cli.main", "prepare", "pairs", "--group-by", "sample", "--val", "1", "--test", "1"]
    loud = subprocess.run([*line, "--into", "a"], cwd=tmp_path, capture_output=True, text=True, check=True)
    quiet = subprocess.run([*line, "--into", "b", "--quiet"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "4/4" in loud.stderr or "1/1" in loud.stderr
    assert "done: a" in loud.stdout
    assert (quiet.stdout, quiet.stderr) == ("", "")
