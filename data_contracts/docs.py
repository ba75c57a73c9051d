"""Great Expectations' Data Docs as one page that loads nothing from anywhere.

The renderer's own page links two dozen style sheets and scripts on the internet and can show values of rows. Both are
taken out: what is kept is its table of expectations and observed values, under a style of a few lines.
"""

import html
import re
from typing import Any

from aoi.records.contracts import ContractReport

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:1rem auto;max-width:70rem;padding:0 1rem}
table{border-collapse:collapse;width:100%}td,th{border:1px solid #999;padding:.25rem .5rem;text-align:left;
vertical-align:top;overflow-wrap:anywhere}h1{font-size:1.3rem}
"""

_KEPT = "table|thead|tbody|tr|td|th|h[1-6]|ul|li|p|strong|br"
_DROPPED = "script|style|nav|head|svg|button|form|dialog"


def page(report: ContractReport, result: Any) -> str:
    """The page for one batch. `result` is Great Expectations' validation result, or None if no row was readable."""
    outcome = f"refused: {report.refused}" if report.refused else "accepted"
    head = (
        f"<h1>{html.escape(report.contract)} v{report.version}: {html.escape(outcome)}</h1>"
        f"<p>{report.rows} rows, {report.accepted} accepted, {report.quarantined} quarantined. "
        f"Owner: {html.escape(report.owner)}.</p>"
    )
    rows = "".join(
        f"<tr><td>{'passed' if rule.passed else 'FAILED'}</td><td>{html.escape(rule.column or 'batch')}</td>"
        f"<td>{html.escape(rule.rule)}</td><td>{html.escape(rule.reason)}</td><td>{rule.failed_rows}</td></tr>"
        for rule in report.rules
    )
    table = (
        "<table><thead><tr><th>Result</th><th>Column</th><th>Expectation</th><th>A row that fails</th>"
        f"<th>Rows</th></tr></thead><tbody>{rows}</tbody></table>"
    )
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{html.escape(report.contract)}</title><style>{_STYLE}</style></head><body>{head}{table}"
        f"{_rendered(result)}</body></html>"
    )


def _rendered(result: Any) -> str:
    """The renderer's content, without scripts, links, pictures and attributes."""
    if result is None:
        return ""
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    return plain(DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(result)))


def plain(text: str) -> str:
    """The body of a page with nothing in it but text and bare tags of `_KEPT`: no attribute and no address survives."""
    body = re.search(r"<body.*?>(.*)</body>", text, re.DOTALL)
    kept = body.group(1) if body else text
    kept = re.sub(rf"<({_DROPPED})\b.*?</\1>", "", kept, flags=re.DOTALL | re.IGNORECASE)
    kept = re.sub(r"<!--.*?-->", "", kept, flags=re.DOTALL)
    kept = re.sub(rf"<(/?)({_KEPT})\b[^>]*>", r"<\1\2>", kept, flags=re.IGNORECASE)
    kept = re.sub(rf"<(?!/?(?:{_KEPT})>)[^>]*>", " ", kept, flags=re.IGNORECASE)
    kept = re.sub(rf"<(?!/?(?:{_KEPT})>)", "&lt;", kept, flags=re.IGNORECASE)
    return re.sub(r"\s+", " ", kept)
