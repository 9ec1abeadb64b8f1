"""A manuscript as one HTML page for a browser to print."""

from __future__ import annotations

import base64
import html
import io

from ocrtune.fonts import Face
from ocrtune.sources.synth import stamp
from ocrtune.sources.synth.flow import STAMP
from ocrtune.sources.synth.model import GAP, HEAD_SCALE, Block, Flow, Manuscript, leads

RULES = {
    "grid": "table.t td, table.t th { border: 0.2mm solid #777; }",
    "lines": "table.t tr { border-bottom: 0.2mm solid #777; }",
    "zebra": "table.t tr { border-bottom: 0.2mm solid #999; } table.t tr:nth-child(even) { background: #f3f3f3; }",
}


def page(manuscript: Manuscript, face: Face) -> str:
    """The body of the document; running header and footer are the browser's."""
    flows = "".join(_flow(flow, face, manuscript.name) for flow in manuscript.flows)
    return (
        f'<!doctype html><html lang="{manuscript.language}"><head><meta charset="utf-8">'
        f"<style>{_css(manuscript, face)}</style></head><body>{flows}</body></html>"
    )


def running(manuscript: Manuscript, face: Face, *, footer: bool) -> str:
    """Header or footer template for the browser's print call."""
    text = html.escape(manuscript.footer if footer else manuscript.header)
    if footer:
        text = text.replace("{n}", '<span class="pageNumber"></span>').replace("{m}", '<span class="totalPages"></span>')
    size = manuscript.style.size * HEAD_SCALE["page-header"]
    edge = f"padding-{'bottom' if footer else 'top'}: {manuscript.style.top * 0.2:.1f}mm"
    look = f"font: {size:.1f}pt '{face.family}'; width: 100%; text-align: center; color: #555; {edge}"
    return f'<div style="{look}">{text}</div>'


def _css(manuscript: Manuscript, face: Face) -> str:
    style = manuscript.style
    accent = "rgb({},{},{})".format(*style.accent)
    justify = "justify" if style.justify and not manuscript.cjk else "left"
    return (
        "* { font-variant-ligatures: none; box-sizing: border-box } body { margin: 0; hyphens: manual; "
        f"font: {style.size}pt/{style.leading} '{face.family}', sans-serif; color: #141414; line-break: strict }}"
        f"h1, h2, p, table {{ break-inside: avoid; margin: 0 0 0.45em }} .single p.left {{ text-align: {justify} }}"
        f"h1 {{ font-size: {HEAD_SCALE['title']}em; color: {accent}; margin-bottom: 0.7em; line-height: 1.25 }}"
        f"h2 {{ font-size: {HEAD_SCALE['section-header']}em; color: {accent}; line-height: 1.3 }}"
        f".caption {{ font-size: {HEAD_SCALE['caption']}em }}"
        ".small { font-size: 0.85em } .keep { break-after: avoid }"
        ".center { text-align: center } .right { text-align: right } .n { white-space: nowrap }"
        "table { border-collapse: collapse; width: calc(100% - 0.3mm); font-size: 0.92em; line-height: 1.25 }"
        "table.t { margin: 0.4em 0 0.9em }"
        "td, th { padding: 0.35mm 1.3mm; text-align: left; vertical-align: top } th { background: #e1e4e9 }"
        "td.f { text-align: right; white-space: nowrap } table.k td:first-child { white-space: nowrap; width: 1% }"
        f".flow {{ column-gap: {GAP}mm }} img {{ width: {STAMP}mm; height: {STAMP}mm; margin-left: 45%; break-inside: avoid; "
        f"display: block }} {RULES[style.ruled]}"
    )


def _flow(flow: Flow, face: Face, seed: str) -> str:
    single, columns = (" single", "") if flow.columns == 1 else ("", f" style='columns: {flow.columns}'")
    return f"<div class='flow{single}'{columns}>{''.join(_block(block, face, seed) for block in flow.blocks)}</div>"


def _block(block: Block, face: Face, seed: str) -> str:
    if block.kind == "stamp":
        target = io.BytesIO()
        stamp.draw(block.text, face, seed).save(target, "PNG")
        return f"<img src='data:image/png;base64,{base64.b64encode(target.getvalue()).decode()}'>"
    if block.rows:
        return _table(block)
    tag = {"title": "h1", "section-header": "h2"}.get(block.kind, "p")
    classes = f"{block.kind} {block.align}{' small' * block.small}{' keep' * leads(block)}"
    return f"<{tag} class='{classes}'>{_words(block.text)}</{tag}>"


def _words(text: str) -> str:
    """Escaped text in which telephone numbers, dates and the like do not break at their hyphens and slashes."""
    shown = []
    for word in text.split(" "):
        safe = html.escape(word)
        shown.append(f"<span class='n'>{safe}</span>" if word.isascii() and any(mark in word for mark in "-/@") else safe)
    return " ".join(shown)


def _table(block: Block) -> str:
    rows = []
    for number, row in enumerate(block.rows):
        tag = "th" if number < block.head else "td"
        cells = [f"<{tag}{' class=f' if n in block.figures else ''}>{_words(cell)}</{tag}>" for n, cell in enumerate(row)]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table class='t{'' if block.head else ' k'}'>{''.join(rows)}</table>"
