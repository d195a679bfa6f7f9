"""Open every notebook in JupyterLab as a learner does: Run All, look, type.

    apt-get install chromium chromium-driver      or Google Chrome, with chromedriver
    make browser                                  ONLY="03 08" for some of them

A headless Chromium opens a JupyterLab that `make lab` started on a copy of the folder,
runs all cells of each notebook, and checks that every code cell ran and none failed. In
notebook 8 it types into the box and waits for the answer. Screenshots of whole pages,
in JupyterLab's light and dark theme, go to runs/browser. Without Chromium it says so
and does nothing.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "runs" / "browser"
HEIGHT = 16_000  # pixels: the whole page, so that JupyterLab draws every cell

RUN_ALL = """
const done = arguments[0];
const app = window.jupyterapp;
app.commands.execute('notebook:run-all-cells').then(() => {
  const cells = app.shell.currentWidget.content.widgets;
  const code = cells.filter(cell => cell.model.type === 'code');
  const outputs = code.flatMap(cell => cell.model.outputs.toJSON());
  done({
    code: code.length,
    executed: code.filter(cell => cell.model.executionCount !== null).length,
    errors: outputs.filter(o => o.output_type === 'error').map(o => o.evalue),
    pictures: outputs.filter(o => o.data && o.data['image/png']).length,
  });
});
"""
READY = """
const app = window.jupyterapp;
const panel = app && app.shell.currentWidget;
const kernel = panel && panel.sessionContext && panel.sessionContext.session
  && panel.sessionContext.session.kernel;
return !!kernel && kernel.status === 'idle' && panel.content.widgets.length > 5;
"""
THEME = (
    "return window.jupyterapp.commands.execute('apputils:change-theme', {theme: %r})"
)


@contextmanager
def jupyterlab(folder: Path):
    """`make lab` on a copy of the notebooks; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = (
        f"--no-browser --port={port} --IdentityProvider.token= "
        "--expose-app-in-browser --allow-root"
    )
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(
            ["make", "lab", f"NOTEBOOKS={folder / 'notebooks'}", f"OPTIONS={options}"],
            cwd=ROOT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            wait_for(port, server, folder / "lab.log")
            yield f"http://127.0.0.1:{port}/lab/tree/"
        finally:
            os.killpg(server.pid, 15)
            server.wait(30)


def wait_for(port: int, server: subprocess.Popen, log: Path) -> None:
    for _ in range(240):
        if server.poll() is not None:
            raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    raise RuntimeError("JupyterLab did not answer within two minutes")


def chromium(profile: Path) -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--window-size=1100,{HEIGHT}",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(600)
    return driver


def look(driver: webdriver.Chrome, name: str) -> None:
    """A screenshot of the notebook in each theme, with the file list put away."""
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        driver.execute_script(THEME % theme)
        time.sleep(2)
        suffix = theme.split()[-1].lower()
        driver.save_screenshot(str(PICTURES / f"{name}-{suffix}.png"))
    driver.execute_script(THEME % "JupyterLab Light")


def type_into_the_box(driver: webdriver.Chrome) -> str:
    """Write a message where a learner would; return the answer once it has changed."""
    [box] = driver.find_elements(By.CSS_SELECTOR, ".widget-text input")
    [answer] = driver.find_elements(By.CSS_SELECTOR, ".widget-html-content")
    before = answer.text
    box.send_keys(Keys.CONTROL, "a")  # what is typed now replaces what was there
    box.send_keys("Your parcel is held, pay 1.99 now at parcel-fee.example", Keys.ENTER)
    WebDriverWait(driver, 30).until(lambda _: answer.text != before)
    return answer.text


def try_one(driver: webdriver.Chrome, address: str, name: str) -> str:
    """Run all cells of one notebook; a line on what happened."""
    driver.get(f"{address}{name}.ipynb?reset")
    WebDriverWait(driver, 90, 0.5).until(lambda d: d.execute_script(READY))
    driver.execute_script("window.jupyterapp.shell.collapseLeft()")
    began = time.perf_counter()
    result = driver.execute_async_script(RUN_ALL)
    seconds = time.perf_counter() - began
    assert not result["errors"], f"{name}: {result['errors']}"
    assert result["executed"] == result["code"] > 0, f"{name}: {result}"
    line = f"{name}: {result['code']} cells, {result['pictures']} pictures, "
    line += f"{seconds:.0f} s"
    if name.startswith("08"):
        line += f"; the box answers {type_into_the_box(driver)!r}"
    look(driver, name)
    return line


def main(only: tuple[str, ...]) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(
            ROOT / "notebooks",
            folder / "notebooks",
            ignore=shutil.ignore_patterns("runs", ".*", "__pycache__"),
        )
        with jupyterlab(folder) as address:
            driver = chromium(folder / "profile")
            try:
                for path in sorted((folder / "notebooks").glob("[0-9]*.ipynb")):
                    if not only or path.stem.startswith(only):
                        print(try_one(driver, address, path.stem), flush=True)
            finally:
                driver.quit()
    print(f"screenshots in {PICTURES.relative_to(ROOT)}")


if __name__ == "__main__":
    BROWSER = next(
        filter(
            None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
        ),
        None,
    )
    DRIVER = shutil.which("chromedriver")
    if not BROWSER or not DRIVER:
        print("skipped: Chromium or its chromedriver is missing; see the file's head")
        sys.exit()
    main(tuple(sys.argv[1:]))
