# Every target makes the environment it needs: .venv, with the versions of constraints.txt.
PYTHON ?= python3
DATA ?= auto
MODEL ?= auto
NOTEBOOKS ?= notebooks
RUN = .venv/bin/python
INSTALL = $(RUN) -m pip install --quiet --constraint constraints.txt

# A kernel works in the folder of its notebook, so a file here needs its whole path
auto = $(if $(filter-out auto,$($1)),SPAMFT_$1="$(or $(realpath $($1)),$($1))")

# Threads that wait for each other sleep, in notebooks, too: spamft/plumbing/threads.py
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: demo page test lint notebooks notebooks-own diagrams lab browser browser-page faults ray bench

demo: .venv/ready # the main job: messages in, a finetuned classifier and its figures out
	$(RUN) -m spamft finetune --data "$(DATA)" --model "$(MODEL)" --output runs/demo --overwrite

page: demo # the demo's classifier as one HTML page, for any browser
	$(RUN) -m spamft page runs/demo runs/page.html --overwrite

lab: .venv/lab # the notebooks, in JupyterLab; DATA and MODEL say what "auto" means there
	$(call auto,DATA) $(call auto,MODEL) $(RUN) -m jupyter lab "$(NOTEBOOKS)" $(OPTIONS)

test: .venv/dev # everything that can be checked without a network
	OMP_NUM_THREADS=1 $(RUN) -m pytest --numprocesses auto --dist worksteal

lint: .venv/dev
	$(RUN) -m ruff check . && $(RUN) -m ruff format --check .

notebooks: .venv/dev # build notebooks/*.ipynb anew from notebooks/src/*.py
	$(RUN) notebooks/build.py $(ONLY)

notebooks-own: .venv/dev # run them all on a made file with other classes and columns
	SPAMFT_OWN_FILE=1 $(RUN) -m pytest tests/test_notebooks_own_file.py

diagrams: .venv/dev # draw docs/diagrams.md and its pictures anew
	$(RUN) -c "from spamft.diagrams.gallery import save_all; save_all('docs')"

browser: .venv/browser # open every notebook in a headless Chromium, as a new user would
	$(RUN) tests/browser/trial.py $(ONLY)

browser-page: .venv/browser # try the page of `spamft page` there, too, and take its pictures
	$(RUN) tests/browser/page.py $(RUN_FOLDER)

bench: .venv/dev # all the ratios that we promise, in one run; OPTIONS=--quick to try it
	$(RUN) benchmarks/all.py --data "$(DATA)" $(OPTIONS)

ray: .venv/ray # score on a local cluster of two workers, one of which is killed
	$(RUN) -m pytest tests/test_examples_ray.py

faults: .venv/dev # kill, fuzz and disturb it for an hour, and count what it did
	$(RUN) tests/faults/trial.py --kills $(or $(KILLS),200)
	SPAMFT_FAULTS=$(or $(FAULTS),2000) $(RUN) -m pytest tests/faults

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv && $(INSTALL) --editable ".[gguf]" && touch $@

.venv/lab: .venv/ready
	$(INSTALL) --editable ".[gguf,robust,notebooks]" && touch $@

.venv/dev: .venv/ready
	$(INSTALL) --editable ".[dev,notebooks]" && touch $@

.venv/ray: .venv/dev
	$(INSTALL) --editable ".[ray]" && touch $@

.venv/browser: .venv/dev
	$(INSTALL) --editable ".[browser]" && touch $@
