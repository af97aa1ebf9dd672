"""Opens every page of the built site in headless Chromium, from the disk.

    python tools/check_site.py [--pictures FOLDER] [--pages GLOB]

A page fails on an error in the console, a request that fails, a request to a host, formulas that
MathJax refuses, or a page wider than the window. The search has to find something. --pictures
writes each page as seen at 1300 and at 400 pixels. Chromium and its driver come from the system.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

SITE = Path(__file__).resolve().parent.parent / "docs" / "_build" / "html"
WIDTHS = (1300, 400)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDER = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
STILL = """document.head.appendChild(document.createElement('style')).textContent =
  '* { transition: none !important; animation: none !important; }'"""
FORMULAS = """const done = arguments[arguments.length - 1];
(window.MathJax?.startup?.promise ?? Promise.resolve()).then(() =>
  done([...document.querySelectorAll('mjx-merror')].map(e => e.textContent)));"""


def missing():
    """What is not here of what this needs, in words; or None."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium, of the extra `docs`"
    if not any(map(shutil.which, BROWSERS)):
        return "Chromium"
    return None if shutil.which("chromedriver") else "chromedriver"


def browser():
    """A headless Chromium that keeps a record of its console and its requests."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, BROWSERS)))
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                     "--disable-dev-shm-usage"):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_script_timeout(60)
    return driver


def resize(driver, width, height=900):
    """A window may not be as narrow as a phone, so the page is told its size."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
    )


def complaints(driver):
    """What the console and the network have said since the last call."""
    found = [e["message"] for e in driver.get_log("browser") if e["level"] == "SEVERE"]
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        params = message["params"]
        if message["method"] == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if not url.startswith(("file:", "data:", "blob:", "about:")):
                found.append(f"asks for {url}")
        elif message["method"] == "Network.loadingFailed" and not params.get("canceled"):
            found.append(f"a request failed: {params['errorText']}")
    return found


def check_page(driver, page, site, pictures=None):
    """What is wrong with one page: a list of lines."""
    resize(driver, WIDTHS[0])
    driver.get(page.as_uri())
    driver.execute_script(STILL)
    wrong = [f"formula: {text}" for text in driver.execute_async_script(FORMULAS)]
    for width in WIDTHS:
        resize(driver, width)
        if (over := driver.execute_script(WIDER)) > 0:
            wrong.append(f"{over} pixels wider than a window of {width}")
        if pictures:
            take(driver, width, pictures / f"{name_of(page, site)}-{width}.png")
    return wrong + complaints(driver)


def take(driver, width, path):
    """A picture of the whole page."""
    height = driver.execute_script("return document.documentElement.scrollHeight")
    resize(driver, width, min(height, 16000))
    path.parent.mkdir(parents=True, exist_ok=True)
    driver.save_screenshot(str(path))


def check_search(driver, site):
    """The search page has to find pages, from the disk."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    driver.get((site / "search.html").as_uri() + "?q=receptive")
    links = (By.CSS_SELECTOR, "#search-results li a")
    try:
        WebDriverWait(driver, 20).until(lambda d: d.find_elements(*links))
    except Exception:
        return ["the search finds nothing", *complaints(driver)]
    return complaints(driver)


def name_of(page, site):
    return page.relative_to(site).as_posix().removesuffix(".html").replace("/", ".")


def check(site=SITE, pictures=None, pages="**/*.html"):
    """{page: what is wrong}, of pages with something wrong only, and the number of pages."""
    found, other = {}, set(site.glob("_static/**/*"))
    paths = sorted(p for p in set(site.glob(pages)) - other if p.is_file())
    driver = browser()
    try:
        for page in paths:
            if wrong := check_page(driver, page, site, pictures):
                found[page.relative_to(site).as_posix()] = wrong
        if wrong := check_search(driver, site):
            found["search.html?q="] = wrong
    finally:
        driver.quit()
    return found, len(paths)


def main():
    parser = argparse.ArgumentParser(description="Opens every page of the site in Chromium.")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of the pages")
    parser.add_argument("--pages", default="**/*.html", help="which pages, as a glob")
    options = parser.parse_args()
    if lack := missing():
        sys.exit(f"{lack} is missing")
    if not (SITE / "index.html").exists():
        sys.exit("there is no site: make docs")
    found, count = check(SITE, options.pictures, options.pages)
    for page, wrong in found.items():
        print(*(f"{page}: {line}" for line in wrong), sep="\n")
    print(f"{count} pages, {len(found)} of them with something wrong")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
