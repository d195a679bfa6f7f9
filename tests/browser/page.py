"""Open a page of `spamft page` in a browser, from a file, with the network off.

    make browser-page               RUN_FOLDER=runs/mine for a run of your own

It needs Chromium and chromedriver, as trial.py does. The page must start, give the
logits of PyTorch on 200 texts, keep a hostile text inert and every connection closed,
and complain of nothing. Screenshots of every part, light and dark, wide and as on a
telephone, go to runs/browser. Without Chromium it says so and does nothing.
"""

import base64
import shutil
import sys
import tempfile
import time
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "runs" / "browser"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = {"wide": 1100, "telephone": 390}  # CSS pixels
HOSTILE = (
    '</textarea><img src=x onerror="window.hit = 1"><script>window.hit = 1</script>'
)
SETTLED = "return messages.every((m) => m.padded && m.edited.length === 5)"
LOGITS = """const states = model.states();
return arguments[0].map((text) => model.forward(text, states));"""
SECONDS = """const began = performance.now();
model.forward(arguments[0]);
return (performance.now() - began) / 1000;"""
CONNECT = """const done = arguments[0];
fetch("https://example.com").then(() => done("open"), () => done("closed"));"""
PARTS = {
    "start": "",
    "padding": """byId("padding").value = 12; byId("read-all").checked = true;
        byId("padding").dispatchEvent(new Event("input"));
        byId("read-all").dispatchEvent(new Event("change"));""",
    "unsure": """byId("padding").value = 0; byId("read-own").checked = true;
        byId("padding").dispatchEvent(new Event("input"));
        byId("read-own").dispatchEvent(new Event("change"));
        byId("holds-back").checked = true; byId("threshold").value = 0.97;
        byId("holds-back").dispatchEvent(new Event("input"));
        byId("threshold").dispatchEvent(new Event("input"));""",
    "two": """byId("reset").click(); byId("compare").click();
        messages[1].write(messages[1].text + ".");""",
    "file": """byId("compare").click();
        openFile(new File(["id,text\\n1,WIN CASH NOW\\n2,see you at 8\\n"], "in.csv"))
          .then(scoreTable);""",
}


def open_browser(profile: str):
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, BROWSERS)))
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    return webdriver.Chrome(options, service)


def wait(driver, script: str) -> None:
    for _ in range(600):
        if driver.execute_script(script):
            return
        time.sleep(0.2)
    raise RuntimeError(f"not within two minutes: {script}")


def look(driver, part: str) -> None:
    """Screenshots of the whole page, in each width and theme."""
    driver.execute_script(PARTS[part])
    time.sleep(1)
    wait(driver, SETTLED)
    for width, pixels in WIDTHS.items():
        size = {"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        across = driver.execute_script("return document.documentElement.scrollWidth")
        assert across <= pixels, f"{part} is {across} pixels wide, not {pixels}"
        for theme in ("light", "dark"):
            media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
            shot = {"captureBeyondViewport": True, "format": "png"}
            data = driver.execute_cdp_cmd("Page.captureScreenshot", shot)["data"]
            path = PICTURES / f"page-{part}-{width}-{theme}.png"
            path.write_bytes(base64.b64decode(data))


def compare(driver, run: Path) -> float:
    """The largest difference of a logit from PyTorch's; no verdict may flip."""
    sys.path.insert(0, str(ROOT / "tests"))
    from test_export_page import TEXTS, some_texts

    from spamft.export.page_form import in_form
    from spamft.use.predict import predict_in_order
    from spamft.use.saved import load

    saved = load(run)
    # halves of pairs, as tests in Node have them, do not pass chromedriver
    pairs = [text.encode("utf-16", "surrogatepass") for text in some_texts(200)]
    texts = [*TEXTS, *(pair.decode("utf-16", "replace") for pair in pairs)]
    small, _ = in_form(saved.model, "int8")
    whole = predict_in_order(small, small.encode(texts, saved.tokenizer))
    few = [texts[i : i + 10] for i in range(0, len(texts), 10)]  # a call may take 30 s
    logits = [torch.tensor(driver.execute_script(LOGITS, each)) for each in few]
    found = torch.cat(logits)
    rule, names = saved.rule, saved.model.label_names
    assert torch.equal(rule.predict(found, names), rule.predict(whole, names))
    return (found - whole).abs().max().item()


def attack(driver) -> None:
    driver.execute_script("messages[0].write(arguments[0])", HOSTILE)
    wait(driver, SETTLED)
    assert driver.execute_script(
        "return window.hit === undefined && !document.querySelector('img')"
    )
    assert driver.execute_async_script(CONNECT) == "closed"
    # the refusal of that connection is the only thing that may be told
    told = [entry["message"] for entry in driver.get_log("browser")]
    assert all("example.com" in line for line in told), told
    driver.execute_script("messages[0].undo.click()")


def try_page(driver, page: Path, run: Path) -> None:
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0}
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd(
        "Network.emulateNetworkConditions", offline | {"uploadThroughput": 0}
    )
    began = time.perf_counter()
    driver.get(page.as_uri())
    wait(driver, "return messages[0].logits !== undefined")
    print(f"from a cold start to a verdict: {time.perf_counter() - began:.1f} s")
    wait(driver, SETTLED)
    forty = "Call me at 8, please: I will be late. " * 9  # cut to what it reads
    print(f"a long message: {driver.execute_script(SECONDS, forty):.2f} s")
    assert (difference := compare(driver, run)) < 2e-3
    print(f"largest difference of a logit on 200 texts: {difference:.1e}")
    attack(driver)
    for part in PARTS:
        look(driver, part)
    print(f"screenshots in {PICTURES.relative_to(ROOT)}")


def main(run: Path | None) -> None:
    from spamft.experiments.finetune import finetune
    from spamft.export.page import write_page

    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = run or finetune("sample", "tiny").save(folder / "run")
        print(facts := write_page(run, folder / "page.html"))
        driver = open_browser(str(folder / "profile"))
        try:
            try_page(driver, facts.path, run)
        finally:
            driver.quit()


if __name__ == "__main__":
    if not any(map(shutil.which, BROWSERS)) or not shutil.which("chromedriver"):
        print("skipped: Chromium or its chromedriver is missing; see trial.py's head")
        sys.exit()
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
