"""Checkpoints and processors into memory, safely: safetensors only, no remote code unless asked, no torchvision needed."""

from __future__ import annotations

import contextlib
import inspect
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet

from ocrtune.contracts import AS_STORED, Loaded, LoadOptions
from ocrtune.core import ModelRef
from ocrtune.errors import ModelError, ResourceError, extra, memory_errors
from ocrtune.families import _torchless

GroupOf = Callable[[str], str | None]


def load(ref: ModelRef, options: LoadOptions, group_of: GroupOf, *, template: str | None = None) -> Loaded:
    """Model (in evaluation mode, adapter on top) and processor, with `template` where the checkpoint has no chat template."""
    with extra("train"):
        import torch
        from transformers import AutoModelForImageTextToText
    device = pick_device(options.device)
    processor = load_processor(ref, options, template=template)
    kwargs: dict[str, Any] = {
        "revision": ref.revision,
        "trust_remote_code": options.trust_remote_code,
        "use_safetensors": True,
        "dtype": getattr(torch, pick_dtype(options.dtype, device)),
        "output_loading_info": True,
    }
    if options.attention is not None:
        kwargs["attn_implementation"] = options.attention
    if options.quantization != "none":
        kwargs["quantization_config"] = _quantization(ref, options, group_of)
        kwargs["device_map"] = {"": device}
    hint = "use a smaller model, quantization 4bit, or another device"
    with _foreign_errors(ref.base), memory_errors(f"loading {ref.base}", hint), quiet():
        model, found = AutoModelForImageTextToText.from_pretrained(ref.base, **kwargs)
        _refuse_incomplete(model, found, ref.base)
        if options.quantization == "none":
            model.to(device)
        else:
            _verify_quantized(model, group_of)
        _repair_ids(model, processor)
        if ref.adapter is not None:
            model = _with_adapter(model, ref.adapter)
    return Loaded(model.eval(), processor)


def refuse_known_bad(family: str, broken_with: Mapping[str, str]) -> None:
    """Raises ModelError where a distribution is installed in a version that is known not to work."""
    for name, versions in broken_with.items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            continue
        if SpecifierSet(versions).contains(installed, prereleases=True):
            raise ModelError(
                f"{family} is known not to work with {name} {installed} (nor with any version {versions})",
                hint=f"install another version of {name}: pip install --upgrade {name}",
            )


def pick_device(wanted: str | None) -> str:
    """`wanted` if it exists here, else the best there is. Raises ResourceError."""
    import torch

    here = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if wanted is None:
        return here
    kind = wanted.split(":")[0]
    if kind not in ("cpu", here):
        raise ResourceError(
            f"there is no device {wanted} here", hint=f"this machine has: cpu{', ' + here if here != 'cpu' else ''}"
        )
    return wanted


def pick_dtype(wanted: str, device: str) -> str:
    """A torch dtype by name. bfloat16 weights are widened on a CPU, where half precision is slow or missing."""
    if wanted != "auto":
        return wanted
    import torch

    if not device.startswith("cuda"):
        return "float32"
    return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"


def load_processor(ref: ModelRef, options: LoadOptions = AS_STORED, *, template: str | None = None) -> Any:
    """The checkpoint's processor with a pad token and a chat template: its own, else `template`."""
    with extra("train"):
        from transformers import AutoProcessor
    common = {"revision": ref.revision, "trust_remote_code": options.trust_remote_code}
    with _foreign_errors(ref.base), quiet():
        try:
            processor = AutoProcessor.from_pretrained(ref.base, **common)
        except (ImportError, ValueError, AttributeError, TypeError) as cause:
            processor = _without_video(ref, options, cause)
    tokenizer = getattr(processor, "tokenizer", None)
    if tokenizer is None or getattr(processor, "image_processor", None) is None:
        raise ModelError(f"{ref.base} has no processor for pictures and text", hint="is it an image-text-to-text model?")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    processor.chat_template = processor.chat_template or tokenizer.chat_template or template
    if not processor.chat_template:
        raise ModelError(f"{ref.base} has no chat template", hint="put a chat_template.jinja beside its config.json")
    return processor


def _without_video(ref: ModelRef, options: LoadOptions, cause: Exception) -> Any:
    """The processor built by hand from its parts. transformers refuses to build any processor that can do video where
    torchvision is missing, although pictures need none of it."""
    from transformers import AutoConfig, AutoImageProcessor, AutoTokenizer
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES

    common = {"revision": ref.revision, "trust_remote_code": options.trust_remote_code}
    kind = AutoConfig.from_pretrained(ref.base, **common).model_type
    name = _named_processor(ref) or PROCESSOR_MAPPING_NAMES.get(kind)
    if name is None:
        raise ModelError(
            f"cannot load the processor of {ref.base}: {_first_line(cause)}",
            hint="pip install torchvision, or --trust-remote-code",
        ) from cause
    stock = _torchless.processor_class(name)

    def lenient(self: Any, argument: str, value: Any) -> Any:
        if argument.startswith("video") and value is None:
            return type(None)
        return stock.check_argument_for_proper_class(self, argument, value)

    pictures_only = type(stock.__name__, (stock,), {"check_argument_for_proper_class": lenient, "__module__": stock.__module__})
    tokenizer = AutoTokenizer.from_pretrained(ref.base, **common)
    images = AutoImageProcessor.from_pretrained(ref.base, backend="pil", **common)
    settings = {k: v for k, v in stock.get_processor_dict(ref.base, revision=ref.revision)[0].items() if isinstance(v, int | str)}
    known = set(inspect.signature(stock.__init__).parameters) - {"self", "kwargs", "chat_template"}
    return pictures_only(
        image_processor=images,
        tokenizer=tokenizer,
        video_processor=None,
        chat_template=settings.get("chat_template") or tokenizer.chat_template,
        **{k: v for k, v in settings.items() if k in known},
    )


def _named_processor(ref: ModelRef) -> str | None:
    """The processor class that the checkpoint's own files name: not every model type has one in transformers' tables."""
    from transformers.utils import cached_file

    for file in ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json"):
        found = cached_file(ref.base, file, revision=ref.revision, _raise_exceptions_for_missing_entries=False)
        named = json.loads(Path(found).read_text("utf-8")).get("processor_class") if found else None
        if isinstance(named, str):
            return named
    return None


def _with_adapter(model: Any, adapter: str) -> Any:
    with extra("train"):
        from peft import PeftModel
    if not (Path(adapter) / "adapter_model.safetensors").is_file():
        raise ModelError(
            f"{adapter} has no adapter_model.safetensors", hint="the adapter folder is not whole; train writes it at once"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by a name that is on its way out
        return PeftModel.from_pretrained(model, adapter, is_trainable=False)


def _repair_ids(model: Any, processor: Any) -> None:
    """Checkpoints without pad or stop tokens in their generation config borrow the tokenizer's."""
    settings, tokenizer = model.generation_config, processor.tokenizer
    if settings.pad_token_id is None:
        settings.pad_token_id = tokenizer.pad_token_id
    if settings.eos_token_id is None:
        settings.eos_token_id = tokenizer.eos_token_id


def _refuse_incomplete(model: Any, found: dict[str, Any], name: str) -> None:
    tied = set(getattr(model, "all_tied_weights_keys", None) or ())
    if missing := sorted(set(found["missing_keys"]) - tied):
        raise ModelError(
            f"{name} lacks {len(missing)} weights of its architecture, such as {missing[0]}: they would be random",
            hint="the checkpoint is not whole or belongs to another model class",
        )
    if wrong := found.get("mismatched_keys"):
        raise ModelError(f"{name}: weights of another shape than its config.json says, such as {sorted(map(str, wrong))[0]}")


def _quantization(ref: ModelRef, options: LoadOptions, group_of: GroupOf) -> Any:
    """bitsandbytes settings that leave all but the language layers alone: full prefixes, because suffixes skip nothing."""
    with extra("qlora"):
        import bitsandbytes  # noqa: F401
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText, BitsAndBytesConfig

    config = AutoConfig.from_pretrained(ref.base, revision=ref.revision, trust_remote_code=options.trust_remote_code)
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config, trust_remote_code=options.trust_remote_code)
    skip = {n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and group_of(n) != "language"}
    skip |= {n for n, m in model.named_modules() if m is model.get_output_embeddings()}
    compute = torch.bfloat16 if pick_device(options.device) != "cpu" else torch.float32
    if options.quantization == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=sorted(skip))
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute,
        llm_int8_skip_modules=sorted(skip),
    )


def _verify_quantized(model: Any, group_of: GroupOf) -> None:
    small = [n for n, m in model.named_modules() if type(m).__module__.startswith("bitsandbytes")]
    leaked = [n for n in small if group_of(n) != "language" or "lm_head" in n]
    if leaked or not small:
        raise ModelError(
            f"quantization hit {len(leaked)} modules it must not, such as {leaked[0]}"
            if leaked
            else "quantization hit no module",
            hint="use --quantization none and report this model",
        )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """transformers' own progress bars and advice off; errors still show."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextlib.contextmanager
def _foreign_errors(name: str) -> Iterator[None]:
    """What transformers, safetensors and the hub raise, as ModelError."""
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as cause:
        raise ModelError(f"the weights of {name} are damaged: {cause}", hint="copy or download them again") from cause
    except (OSError, ValueError, KeyError, ImportError) as cause:
        raise ModelError(f"cannot load {name}: {_first_line(cause)}", hint=_advice(str(cause), name)) from cause


def _first_line(cause: BaseException) -> str:
    return next((line.strip() for line in str(cause).splitlines() if line.strip()), type(cause).__name__)


def _advice(text: str, name: str) -> str:
    if "trust_remote_code" in text:
        return "the model brings its own Python code; read it, then pass --trust-remote-code"
    if "safetensors" in text:
        return "only safetensors weights are loaded; convert pickled ones first"
    if "does not recognize this architecture" in text or "Unrecognized configuration" in text:
        return "update transformers, or give an image-text-to-text model"
    if not Path(name).is_dir():
        return "check the path or hub id, and the network if it is a hub id"
    return "check that the folder holds a whole image-text-to-text checkpoint"
