"""What stands around a question: dots.ocr's two chat formats, which its own two template files disagree about.

`user` marks the user's turn. It is what vLLM feeds (`--chat-template-content-format string`) and what other trainers teach.
`bare` is what chat_template.json makes of content given as a list of parts, as the model card's transformers example does:
a blank, and no marks around the user's turn.
"""

from __future__ import annotations

IMAGE = "<|imgpad|>"
PLACE = f"<|img|>{IMAGE}<|endofimg|>"
STOP = "<|endofassistant|>"

_PARTS = (
    "{%- macro parts(content) -%}{%- if content is string -%}{{- content -}}{%- else -%}{%- for part in content -%}"
    "{%- if part['type'] == 'image' or 'image' in part or 'image_url' in part -%}{{- '" + PLACE + "' -}}"
    "{%- elif 'text' in part -%}{{- part['text'] -}}{%- endif -%}{%- endfor -%}{%- endif -%}{%- endmacro -%}"
)
_MARKED = "{{- '<|user|>' + parts(m.content) + '<|endofuser|>' -}}"
_BARE = "{%- if m.content is string -%}" + _MARKED + "{%- else -%}{{- ' ' + parts(m.content) -}}{%- endif -%}"


def _template(user: str) -> str:
    """The published templates' own rules for all but the user's turn: the last answer is left open."""
    return (
        _PARTS + "{%- for m in messages -%}"
        "{%- if m.role == 'system' -%}{{- '<|system|>' + parts(m.content) + '<|endofsystem|>\\n' -}}"
        "{%- elif m.role == 'user' -%}" + user + "{%- elif m.role == 'assistant' -%}"
        "{{- '<|assistant|>' + parts(m.content) -}}{%- if not loop.last -%}{{- '" + STOP + "' -}}{%- endif -%}"
        "{%- endif -%}{%- endfor -%}{%- if messages[-1].role != 'assistant' -%}{{- '<|assistant|>' -}}{%- endif -%}"
    )


TEMPLATES = {"user": _template(_MARKED), "bare": _template(_BARE)}
DEFAULT = "user"
