"""Flags from options: pydantic-settings builds them, this parses what was typed and reports everything wrong at once."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, cast, get_origin

from pydantic import BaseModel, create_model
from pydantic_settings import BaseSettings, CliSettingsSource, SettingsError

from ocrtune.config import Section, closest, merge, said
from ocrtune.errors import ConfigError

NO_VALUE = "\0no value\0"
JSON_WORD = re.compile(r"(?<![^,])\s*(true|false|null)\s*(?![^,])")  # pydantic-settings would read these as JSON
SEVERAL = re.compile(r"\(default: [(\[](.*)[)\]]\)$")
DULL = re.compile(r" \((default: null|default: None|required|default: \[\]|default: \(\)|default: \{\})\)")


class Flag(NamedTuple):
    """One generated flag, for the help page. `section` is "" at the top level."""

    names: tuple[str, ...]
    kind: str
    help: str
    section: str
    required: bool


class Typed(NamedTuple):
    """What was typed: options by name (nested), options of the face, and what was wrong with the line."""

    options: dict[str, Any]
    face: dict[str, Any]
    problems: tuple[str, ...]


class Flags:
    """The flags of one command: those of its `options` and those that every command of the face has."""

    def __init__(self, options: type[Section], face: type[BaseModel], places: Sequence[str] | None = None) -> None:
        """`places` are the options that may be given without their flag; when absent the required ones, in order, then those
        that say so of themselves (`json_schema_extra={"positional": True}`)."""
        self.options = options
        self.places = _places(options) if places is None else list(places)
        self._parser = _Parser(add_help=False, allow_abbrev=False)
        self._parser.add_argument("rest", nargs="*")
        self._texts: set[str] = set()  # options that are several texts
        self.option_flags: list[Flag] = []
        self.face_flags: list[Flag] = []
        self._option_source = self._source(options, self.option_flags, dual=True)
        self._face_source = self._source(face, self.face_flags, dual=False)
        self._synonyms = {f"--{other}": f"--{_kebab(n)}" for n in options.model_fields for other in _also(options, n)}
        sections = list(dict.fromkeys(["", *(flag.section for flag in self.option_flags)]))
        self.option_flags.sort(key=lambda flag: (sections.index(flag.section), not flag.required))
        self._face_names = {field.alias or name for name, field in face.model_fields.items()}

    def parse(self, argv: Sequence[str]) -> Typed:
        """Never raises for what the user typed: problems come back as text, to be reported with those of the values."""
        problems: list[str] = []
        argv = [self._own_name(word) for word in argv]
        try:
            namespace, unknown = self._parser.parse_known_intermixed_args(argv)
        except _UsageError as error:
            return Typed({}, {}, (str(error),))
        given = vars(namespace)
        rest = cast(list[str], given.pop("rest", None) or [])
        rest += [word for word in unknown if not word.startswith("-")]
        for flag in (word for word in unknown if word.startswith("-")):
            problems.append(self._unknown(flag))
            if (value := _word_after(flag, argv)) in rest:  # most likely the value of the flag that does not exist
                rest.remove(value)
        for name in [name for name, value in given.items() if _lacks_value(value)]:
            problems.append(f"--{_kebab(name)} needs a value")
            del given[name]
        given |= {name: [JSON_WORD.sub(r'"\1"', text) for text in given[name]] for name in self._texts & given.keys()}
        face = self._read(self._face_source, {k: v for k, v in given.items() if k in self._face_names}, problems)
        options = self._read(self._option_source, {k: v for k, v in given.items() if k not in self._face_names}, problems)
        placed, left = self._place(rest, options)
        problems += [f"unexpected argument {word!r}" for word in left]
        return Typed(merge(options, placed), face, tuple(problems))

    def _place(self, rest: list[str], options: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Words without a flag go to the options in `places` that were not given by flag, in order; a list takes many."""
        words = list(rest)
        placed: dict[str, Any] = {}
        free = [name for name in self.places if name not in options]
        for index, name in enumerate(free):
            if not words:
                break
            if _takes_many(self.options.model_fields[name].annotation):
                count = max(len(words) - (len(free) - index - 1), 1)
                placed[name], words = words[:count], words[count:]
            else:
                placed[name] = words.pop(0)
        return placed, words

    def _own_name(self, word: str) -> str:
        """The flag as it is called here, with its value if it carries one."""
        name, equals, value = word.partition("=")
        return "--help" if word == "-h" else self._synonyms.get(name, name) + equals + value

    def _unknown(self, word: str) -> str:
        name = word.split("=")[0]
        known = [n for flag in (*self.option_flags, *self.face_flags) for n in flag.names]
        return f"{name}: there is no such option{closest(name, known)}"

    def _read(self, source: CliSettingsSource[Any], given: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
        try:
            loaded = source(parsed_args=dict(given))
            return loaded()
        except SettingsError as error:
            problems.append(str(error.__cause__ or error))
            return {}

    def _source(self, options: type[BaseModel], flags: list[Flag], *, dual: bool) -> CliSettingsSource[Any]:
        """Let pydantic-settings add the flags of `options` to the parser, noting each for the help page."""

        def add_argument(context: Any, *names: str, **details: Any) -> Any:
            name = str(details["dest"])
            if "action" not in details or details["action"] == "append":
                details |= {"nargs": "?", "const": NO_VALUE if details.get("metavar") != "JSON" else "{}"}
            if details.get("action") == "append" and _kind(str(details["metavar"])) in ("text,…", "path,…"):
                self._texts.add(name)
            if details.get("metavar") != "JSON":
                flags.append(_flag(options, name, names, details))
            return argparse.ArgumentParser.add_argument(context, *names, **details)

        settings = create_model(options.__name__, __base__=(options, BaseSettings))
        return CliSettingsSource(
            cast(type[BaseSettings], settings),
            root_parser=self._parser,
            cli_implicit_flags="dual" if dual else "toggle",
            cli_kebab_case=True,
            cli_hide_none_type=True,
            cli_parse_none_str="null",
            add_argument_method=cast(Callable[..., Any], add_argument),
        )


def _places(options: type[Section]) -> list[str]:
    fields = options.model_fields
    marked = [name for name in fields if said(options, name, "positional")]
    return [*(n for n, f in fields.items() if f.is_required()), *marked]


def _also(options: type[BaseModel], name: str) -> list[str]:
    return (said(options, name, "also") if name in options.model_fields else None) or []


class _UsageError(Exception):
    pass


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _UsageError(message.removeprefix("argument "))


def _flag(options: type[BaseModel], name: str, names: Iterable[str], details: Mapping[str, Any]) -> Flag:
    dual = details.get("action") is argparse.BooleanOptionalAction
    section, _, _ = name.rpartition(".")
    text = DULL.sub("", str(details.get("help") or "").replace("%%", "%"))
    text = SEVERAL.sub(lambda found: f"(default: {found[1].replace(chr(39), '').replace(', ', ',').rstrip(',')})", text)
    text = text.replace(" (default: False)", "") if details.get("action") == "store_true" else text
    field = options.model_fields.get(name)
    spelled = tuple(names) + tuple(f"--no-{n.removeprefix('--')}" for n in names if dual)
    spelled += tuple(f"--{other}" for other in _also(options, name))
    kind = _kind(str(details.get("metavar") or "")) if not dual else ""
    return Flag(spelled, kind, text, section, bool(field and field.is_required()))


def _word_after(flag: str, argv: Sequence[str]) -> str:
    """What was typed right after `flag`, or "" where it carries its value itself or ends the line."""
    at = list(argv).index(flag) + 1 if "=" not in flag else len(argv)
    return argv[at] if at < len(argv) else ""


def _kind(metavar: str) -> str:
    """How a type is written for people: several values end in `,…`."""
    for name, meant in (("str", "text"), ("Path", "path"), ("JsonValue", "json")):
        metavar = re.sub(rf"\b{name}\b", meant, metavar)
    return re.sub(r"^(?:list|tuple|set)\[(.+?)(?:,\.\.\.)?\]$", r"\1,…", metavar)


def _lacks_value(value: Any) -> bool:
    return value == NO_VALUE or (isinstance(value, list) and NO_VALUE in value)


def _takes_many(annotation: Any) -> bool:
    origin = get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, (list, tuple, set))


def _kebab(name: str) -> str:
    return name.replace("_", "-")


def complain(problems: Sequence[str]) -> ConfigError:
    """One error for all problems."""
    many = "s" * (len(problems) > 1)
    return ConfigError(
        f"{len(problems)} wrong option{many}:\n" + "\n".join(f"  - {problem}" for problem in problems),
        hint="the command's --help lists every option with its type",
        problems=tuple(problems),
    )
