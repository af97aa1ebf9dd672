"""Prints the course, built as one page, to a PDF by headless Chromium.

    python tools/print_course.py docs/_build/print/print.html docs/_build/course.pdf

Hints are unfolded; what links to pages that are not printed is text.
"""

import base64
import sys
from pathlib import Path

from check_site import FORMULAS, browser, complaints, missing

ON_PAPER = """
document.querySelectorAll('details').forEach(d => d.open = true);
document.querySelectorAll('a').forEach(a => {
  const href = a.getAttribute('href') ?? '';
  const outside = /^https?:/.test(href);
  const here = href.startsWith('#') && document.getElementById(decodeURIComponent(href.slice(1)));
  if (!outside && !here) a.replaceWith(...a.childNodes);
});"""
FOOTER = """<div style="width: 100%; text-align: center; font-size: 8px">
<span class="pageNumber"></span></div>"""


def print_page(page, pdf):
    """Writes the PDF; returns what was wrong with the page, as lines."""
    driver = browser()
    try:
        driver.get(page.resolve().as_uri())
        driver.set_script_timeout(600)
        wrong = driver.execute_async_script(FORMULAS) + complaints(driver)
        driver.execute_script(ON_PAPER)
        printed = driver.execute_cdp_cmd("Page.printToPDF", {
            "displayHeaderFooter": True, "headerTemplate": "<span></span>",
            "footerTemplate": FOOTER, "paperWidth": 8.27, "paperHeight": 11.69,
            "marginTop": 0.7, "marginBottom": 0.8, "marginLeft": 0.7, "marginRight": 0.7,
            "generateDocumentOutline": True, "generateTaggedPDF": True,
        })  # fmt: skip
    finally:
        driver.quit()
    pdf.write_bytes(base64.b64decode(printed["data"]))
    return wrong


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    if lack := missing():
        sys.exit(f"{lack} is missing")
    page, pdf = map(Path, sys.argv[1:])
    if wrong := print_page(page, pdf):
        sys.exit("\n".join(wrong))
    print(f"{pdf}: {pdf.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
