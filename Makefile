# `make lab` opens the course, `make test` tests it; the rest is for those who change it.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo "$$p" && break; done)
CONSTRAINTS ?= constraints.txt
NBVAL ?= --nbval
ARGS ?=
BIN := .venv/bin/python
ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help lab test site notebooks lint setup setup-test

help:
	@echo "make lab        open the course in JupyterLab; sets it up the first time"
	@echo "make test       run every test"
	@echo "make site       build the course as web pages: build/site/index.html"
	@echo "make notebooks  run the notebooks and store their outputs"
	@echo "make lint       check and format modules and notebooks"

lab: setup
	@JUPYTER_CONFIG_PATH="$(CURDIR)/.jupyter" $(BIN) -m jupyterlab $(ROOT) --LabApp.default_url=/lab/tree/README.md $(ARGS)

test: setup-test
	@$(BIN) -m pytest -n 2 --dist loadfile $(NBVAL) --nbval-current-env $(ARGS) tests notebooks

site: setup-test
	@$(BIN) tools/build_site.py $(ARGS)

notebooks: setup-test
	@$(BIN) tools/store_notebooks.py $(ARGS)

lint: setup-test
	@$(BIN) -m ruff check --fix . && $(BIN) -m ruff format .

setup setup-test:
	@test -n "$(PYTHON)" || { echo "The course needs Python 3.11, 3.12 or 3.13: install one (python.org)," \
		"or name it: make PYTHON=/path/to/python3.12 lab"; exit 1; }
	@"$(PYTHON)" tools/setup.py $(if $(filter setup-test,$@),test,lab) "$(CONSTRAINTS)"
