"""Pages of the package in headless Chromium, as a file and without a network.

Chromium and its driver come from the system; without them a test that needs them is skipped.
"""

import check_site
import pytest


@pytest.fixture(scope="module")
def chromium():
    """A browser without a network."""
    if lack := check_site.missing():
        pytest.skip(f"{lack} is missing")
    driver = check_site.browser()
    driver.set_script_timeout(300)
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd(
        "Network.emulateNetworkConditions",
        {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
    )
    yield driver
    driver.quit()


@pytest.fixture
def opened(chromium, tmp_path):
    """Opens the text of a page as a file, and at the end looks for complaints of the browser."""
    check_site.complaints(chromium)  # of other tests

    def open_page(text, width=1300):
        path = tmp_path / "page.html"
        path.write_text(text, encoding="utf-8")
        check_site.resize(chromium, width)
        chromium.get(path.as_uri())
        return chromium

    yield open_page
    assert check_site.complaints(chromium) == []


def element(driver, name):
    return driver.find_element("id", name)
