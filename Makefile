# `make lab` opens the course, `make test` tests it; the rest is for those who change it.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo "$$p" && break; done)
CONSTRAINTS ?= constraints.txt
NBVAL ?= --nbval
ARGS ?=
NOTEBOOK ?= notebooks/01_naive_sampling.ipynb
BIN := .venv/bin/python
ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
LAB := JUPYTER_CONFIG_PATH="$(CURDIR)/.jupyter" JUPYTER_PATH="$(CURDIR)/.jupyter" $(BIN) -m jupyterlab $(ROOT)

.PHONY: help lab slides student site test notebooks lint bench setup setup-test

help:
	@echo "make lab        open the course in JupyterLab; sets it up the first time"
	@echo "make slides     open a notebook as slides: make slides NOTEBOOK=$(NOTEBOOK)"
	@echo "make student    write a copy without solutions to build/student"
	@echo "make test       run every test"
	@echo "make site       build the course as web pages: build/site/index.html"
	@echo "make notebooks  run the notebooks and store their outputs"
	@echo "make lint       check and format modules and notebooks"
	@echo "make bench      measure speed and memory; some of it: make bench ARGS=gradients"

lab: setup
	@$(LAB) --LabApp.default_url=/lab/tree/README.md $(ARGS)

slides: setup
	@test -f "$(NOTEBOOK)" || { echo "There is no $(NOTEBOOK): make slides NOTEBOOK=notebooks/..."; exit 1; }
	@$(LAB) --LabApp.default_url="/doc/tree/$(NOTEBOOK)?slides" $(ARGS)

test: setup-test
	@$(BIN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(NBVAL) --nbval-current-env $(ARGS) tests notebooks

student:
	@"$(PYTHON)" tools/student_copy.py $(ARGS)

site: setup-test
	@$(BIN) tools/build_site.py $(ARGS)

notebooks: setup-test
	@$(BIN) tools/store_notebooks.py $(ARGS)

lint: setup-test
	@$(BIN) -m ruff check --fix . && $(BIN) -m ruff format .

bench: setup-test
	@$(BIN) -m benchmarks $(ARGS)

setup setup-test:
	@test -n "$(PYTHON)" || { echo "The course needs Python 3.11, 3.12 or 3.13: install one (python.org)," \
		"or name it: make PYTHON=/path/to/python3.12 lab"; exit 1; }
	@"$(PYTHON)" tools/setup.py $(if $(filter setup-test,$@),test,lab) "$(CONSTRAINTS)"
