# Every target makes the environment it needs: .venv, with the versions of constraints.txt.
PYTHON ?= python3
DATA ?= auto
RUN = .venv/bin/python
INSTALL = $(RUN) -m pip install --quiet --constraint constraints.txt

.PHONY: demo test lint

demo: .venv/ready # the main job: messages in, a finetuned classifier and its figures out
	$(RUN) -m spamft finetune --data "$(DATA)" --output runs/demo --overwrite

test: .venv/dev # everything that can be checked without a network
	$(RUN) -m pytest

lint: .venv/dev
	$(RUN) -m ruff check . && $(RUN) -m ruff format --check .

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv && $(INSTALL) --editable . && touch $@

.venv/dev: .venv/ready
	$(INSTALL) --editable ".[dev,notebooks]" && touch $@
