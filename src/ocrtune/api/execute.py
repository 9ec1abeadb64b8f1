"""The one way a verb is run, whatever face asked for it: options checked, run directory opened, log kept, end recorded."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import logging
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import JsonValue, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import to_jsonable_python

from ocrtune import processes
from ocrtune.config import Section, closest, load
from ocrtune.core import Status
from ocrtune.errors import ConfigError, OcrtuneError
from ocrtune.runs import Follower, RunDir
from ocrtune.verbs import VERBS

LOG = logging.getLogger("ocrtune")
DEFAULT_RUNS = Path("runs")
RESULT = "result.json"


class Verb(NamedTuple):
    """A loaded verb. `records` is false for a verb whose `run` takes no run directory `into`: it answers and leaves nothing, and
    is told the folder of all `runs` where it asks for it by that name. `spreads` is true for one that can work in several
    processes at once (its module says `SPREADS = True`).
    """

    name: str
    config: type[Section]
    run: Callable[..., Any]
    doc: str
    records: bool
    spreads: bool


class Plan(NamedTuple):
    """What `execute` would do: validated options, what was asked for, the run directory and its status there (or None)."""

    verb: Verb
    config: Section
    asked: dict[str, Any]
    path: Path | None
    status: Status | None


class Outcome(NamedTuple):
    """What a verb made.

    `result` is the verb's own result; for a run that was done before it is read back from the run directory.
    `run` is None for verbs that keep no run directory. `already` says that nothing had to be done.
    """

    run: RunDir | None
    result: Any
    already: bool = False

    @property
    def path(self) -> Path | None:
        """The run directory."""
        return self.run.path if self.run else None

    @property
    def outputs(self) -> dict[str, Path]:
        """What the run made, by role."""
        return {role: self.run.path / name for role, name in self.run.manifest.outputs.items()} if self.run else {}

    @property
    def objection(self) -> OcrtuneError | None:
        """Why the command line must not end well although everything was done: the result says so (a gate)."""
        found = getattr(self.result, "objection", None)
        return found if isinstance(found, OcrtuneError) else None

    def summary(self) -> JsonValue:
        """Everything as plain JSON values."""
        result: JsonValue = jsonable(self.result)
        if self.run is None:
            return result
        outputs: dict[str, JsonValue] = {role: str(path) for role, path in self.outputs.items()}
        return {"run": self.run.id, "path": str(self.run.path), "status": self.run.status, "already": self.already,
                "outputs": outputs, "result": result}  # fmt: skip


def load_verb(name: str) -> Verb:
    """The verb called `name`, imported now. Raises ConfigError naming the nearest."""
    if name not in VERBS:
        raise ConfigError(f"there is no verb {name!r}{closest(name, list(VERBS))}", hint="ocrtune --help lists them")
    module = importlib.import_module(f"ocrtune.verbs.{name}")
    records = "into" in inspect.signature(module.run).parameters
    spreads = bool(getattr(module, "SPREADS", False))
    return Verb(name, module.Config, module.run, module.__doc__ or VERBS[name], records, spreads)


def plan(verb: Verb, asked: Mapping[str, Any], *, into: Path | None = None, runs: Path = DEFAULT_RUNS) -> Plan:
    """Check the options and say where the run would be. Raises ConfigError with all problems."""
    config, explicit = load(verb.config, None, asked)
    if not verb.records:
        return Plan(verb, config, explicit, None, None)
    path = RunDir.place(verb.name, config, root=runs, into=into)
    status = RunDir.open(path, root=runs).status if (path / "run.json").exists() else None
    return Plan(verb, config, explicit, path, status)


def execute(verb: Verb, asked: Mapping[str, Any], *, into: Path | None = None, runs: Path = DEFAULT_RUNS,
            fresh: bool = False) -> Outcome:  # fmt: skip
    """Run a verb with the options that were asked for (nested, by name).

    The same options find the same run directory: a finished run is returned as it is, an unfinished one is resumed;
    `fresh` starts over. Raises OcrtuneError; how the run ended is recorded in its directory either way. Under a launcher
    such as torchrun the first process writes the run directory and the others follow.
    """
    config, explicit = load(verb.config, None, asked)
    if processes.count() > 1 and not verb.spreads:
        raise ConfigError(f"{verb.name} works in one process", hint="start it without torchrun or accelerate launch")
    if not verb.records:
        asks = "runs" in inspect.signature(verb.run).parameters
        return Outcome(None, verb.run(config, runs=runs) if asks else verb.run(config))
    if not processes.first():
        follower = Follower.of(RunDir.place(verb.name, config, root=runs, into=into), root=runs, fresh=fresh)
        if follower.status == "done":
            return Outcome(follower, _stored_result(verb, follower), already=True)
        return Outcome(follower, verb.run(config, follower))
    run = RunDir.create(verb.name, config, root=runs, into=into, asked=jsonable(explicit), fresh=fresh)
    if run.status == "done":
        return Outcome(run, _stored_result(verb, run), already=True)
    with run.guard(), log_file(run.path / "log.txt"):
        result = verb.run(config, run)
        run.write(RESULT, json.dumps(jsonable(result), ensure_ascii=False, indent=2) + "\n")
    return Outcome(run, result)


def jsonable(value: Any) -> Any:
    """`value` as plain JSON values: named tuples by name, nouns by field, a run by its id."""
    if isinstance(value, RunDir):
        return value.id
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: jsonable(part) for name, part in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [jsonable(part) for part in value]
    if isinstance(value, Mapping):
        return {str(name): jsonable(part) for name, part in value.items()}
    return to_jsonable_python(value, inf_nan_mode="null", fallback=str)


def _stored_result(verb: Verb, run: RunDir) -> Any:
    """The result of a finished run: as its own type where that can be read back, else as plain values; None if not kept."""
    file = run.path / RESULT
    if not file.exists():
        return None
    text = file.read_text("utf-8")
    try:
        return TypeAdapter(typing.get_type_hints(verb.run)["return"]).validate_json(text)
    except (KeyError, NameError, PydanticUserError, ValidationError):
        return json.loads(text)


class _LogFile(logging.FileHandler):
    """A log that cannot be written (a full disk) must not hide what was to be logged."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the name is logging's
        pass

    def close(self) -> None:
        with contextlib.suppress(OSError):
            super().close()


@contextlib.contextmanager
def log_file(path: Path) -> Iterator[None]:
    """Append what is logged meanwhile to `path`, with times, and the traceback if it ends badly."""
    handler = _LogFile(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.setLevel(logging.INFO)
    before = LOG.level
    if not LOG.isEnabledFor(logging.INFO):
        LOG.setLevel(logging.INFO)
    LOG.addHandler(handler)
    try:
        yield
    except BaseException as error:
        handler.handle(LOG.makeRecord(LOG.name, logging.ERROR, "", 0, repr(error), (), sys.exc_info()))
        raise
    finally:
        LOG.removeHandler(handler)
        LOG.setLevel(before)
        handler.close()
