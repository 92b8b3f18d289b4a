"""The pages in a browser, from files: Debian's Chromium, without a network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
WIDTHS = {"a desk": 1280, "a phone": 390}

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs a browser: Debian's packages chromium and chromium-driver"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def show(browser: webdriver.Chrome, page: Path, width: int = 1280, fragment: str = "") -> None:
    resize(browser, width)
    browser.get("about:blank")
    browser.get(page.as_uri() + fragment)


def resize(browser: webdriver.Chrome, width: int) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def test_every_page_opens_without_an_error_and_fits_the_screen(
    browser: webdriver.Chrome, folder: Path, subtests: pytest.Subtests
) -> None:
    files = sorted(folder.glob("*.html"))
    assert len(files) >= 15
    for file in files:
        show(browser, file)
        for screen, width in WIDTHS.items():
            with subtests.test(f"{file.name} on {screen}"):
                resize(browser, width)
                assert browser.get_log("browser") == []
                assert browser.execute_script("return document.documentElement.scrollWidth") <= width
                assert browser.find_element(By.TAG_NAME, "h1").is_displayed()


def test_the_search_finds_a_table_and_goes_to_it(browser: webdriver.Chrome, folder: Path) -> None:
    show(browser, folder / "index.html")
    browser.find_element(By.TAG_NAME, "body").send_keys("/")
    box = browser.switch_to.active_element
    assert box.get_attribute("id") == "search"
    box.send_keys("subject_schedule")
    first = browser.find_element(By.CSS_SELECTOR, "#found [aria-selected=true]")
    assert first.text.splitlines()[0] == "mentoring.subject_schedule table"
    box.send_keys(Keys.ENTER)
    assert browser.current_url == (folder / "mentoring.html").as_uri() + "#table-subject_schedule"
    top = browser.execute_script("return document.querySelector(':target').getBoundingClientRect().top")
    assert 0 < top < 300
    assert browser.get_log("browser") == []


def test_the_search_finds_by_what_is_said_and_goes_by_the_arrows(browser: webdriver.Chrome, folder: Path) -> None:
    show(browser, folder / "mentoring.html")
    box = browser.find_element(By.ID, "search")
    box.send_keys("MB103")
    assert "CoolingDown" in browser.find_element(By.ID, "found").text
    box.clear()
    box.send_keys("audit_log table")
    found = browser.find_elements(By.CSS_SELECTOR, "#found [role=option]")
    # The page's own first.
    assert [one.text.splitlines()[0] for one in found[:2]] == ["mentoring.audit_log table", "auth.audit_log table"]
    box.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    assert browser.current_url == (folder / "auth.html").as_uri() + "#table-audit_log"
    box = browser.find_element(By.ID, "search")
    box.send_keys("xyzzy")
    assert browser.find_element(By.ID, "found").text == "Nothing is called so, or says so."
    box.send_keys(Keys.ESCAPE)
    assert not browser.find_element(By.ID, "found").is_displayed()


def test_it_is_dark_where_the_reader_likes_it_so(browser: webdriver.Chrome, folder: Path) -> None:
    show(browser, folder / "index.html")
    colours = []
    for scheme in ("light", "dark"):
        liked = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", liked)
        back = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        colours.append(sum(int(part) for part in back[4:-1].split(",")))
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    light, dark = colours
    assert light > 700 > 150 > dark


def test_a_phone_has_the_contents_folded_and_wide_tables_scroll_by_themselves(
    browser: webdriver.Chrome, folder: Path
) -> None:
    show(browser, folder / "mentoring.html", 390, "#table-mentor_mentee")
    assert browser.find_element(By.CSS_SELECTOR, ".menu summary").is_displayed()
    assert not browser.find_element(By.CSS_SELECTOR, ".side").is_displayed()
    wide = browser.execute_script(
        "return [...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth).length"
    )
    assert wide > 10


def test_without_javascript_everything_is_there_but_the_search(browser: webdriver.Chrome, folder: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    show(browser, folder / "auth.html")
    assert "The search needs JavaScript" in browser.find_element(By.CSS_SELECTOR, ".top").text
    assert browser.find_element(By.ID, "table-users").is_displayed()
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
