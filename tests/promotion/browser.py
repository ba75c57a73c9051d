"""A page as Chromium lays it out: it is opened in a frame of a given size, and a page around it measures it."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip
TIMEOUT_S = 120
PROBE = """<!doctype html><meta charset="utf-8"><body style="margin:0">
<iframe id="page" style="border:0;width:{width}px;height:{height}px" srcdoc="{page}"></iframe><pre id="measured"></pre>
<script>
const frame = document.getElementById("page")
const box = (element) => {{
  const at = element.getBoundingClientRect()
  return {{text: element.textContent, left: at.left, right: at.right, top: at.top, bottom: at.bottom}}
}}
frame.onload = () => {{
  const page = frame.contentDocument, root = page.documentElement
  const boxes = Object.fromEntries({selectors}.map((one) => [one, [...page.querySelectorAll(one)].map(box)]))
  const spill = [...page.querySelectorAll(".floors *, pre")].filter((one) => one.scrollWidth > one.clientWidth + 1
    && one.clientWidth > 0 && one.namespaceURI.endsWith("xhtml")).map((one) => one.textContent)
  const folded = root.scrollWidth
  page.querySelectorAll("details").forEach((one) => one.open = true)
  const measured = {{boxes, spill, folded, opened: root.scrollWidth, scripts: page.scripts.length}}
  document.getElementById("measured").textContent = JSON.stringify(measured)
}}
</script>"""


def measured(page: str, width: int, height: int, selectors: tuple[str, ...], folder: Path) -> dict[str, Any]:
    """Boxes of what the selectors find, what spills over, and the page's width, folded and with everything opened."""
    probe = folder / "probe.html"
    probe.write_text(
        PROBE.format(width=width, height=height, page=html.escape(page), selectors=json.dumps(selectors)), "utf-8"
    )
    assert CHROMIUM is not None
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", f"--window-size={width + 20},{height + 20}"]
    command += ["--virtual-time-budget=5000", "--dump-dom", probe.as_uri()]
    dumped = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True).stdout
    found = re.search(r'<pre id="measured">(.*?)</pre>', dumped, re.DOTALL)
    assert found, dumped[-500:]
    assert found[1], "the page in the frame was never loaded"
    return json.loads(html.unescape(found[1]))
