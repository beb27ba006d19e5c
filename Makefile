# `make help` says what there is.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo "$$p" && break; done)
CONSTRAINTS ?= constraints.txt
ARGS ?=
NOTEBOOK ?= notebooks/01_naive_sampling.ipynb
BIN := .venv/bin/python
ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
LAB := JUPYTER_CONFIG_PATH="$(CURDIR)/.jupyter" JUPYTER_PATH="$(CURDIR)/.jupyter" $(BIN) -m jupyterlab $(ROOT)

.PHONY: help lab slides setup setup-test

help:
	@sed -n 's/^#: //p' Makefile

#: make lab        open the course in JupyterLab; sets it up the first time
lab: setup
	@$(LAB) --LabApp.default_url=/lab/tree/README.md $(ARGS)

#: make slides     open a notebook as slides: make slides NOTEBOOK=notebooks/01_naive_sampling.ipynb
slides: setup
	@test -f "$(NOTEBOOK)" || { echo "There is no $(NOTEBOOK): make slides NOTEBOOK=notebooks/..."; exit 1; }
	@$(LAB) --LabApp.default_url="/doc/tree/$(NOTEBOOK)?slides" $(ARGS)

setup setup-test:
	@test -n "$(PYTHON)" || { echo "The course needs Python 3.11, 3.12 or 3.13: install one (python.org)," \
		"or name it: make PYTHON=/path/to/python3.12 lab"; exit 1; }
	@"$(PYTHON)" tools/setup.py $(if $(filter setup-test,$@),test,lab) "$(CONSTRAINTS)"

## Contribute: a copy for students ends here
NBVAL ?= --nbval

.PHONY: student test site notebooks lint bench

#: make student    write a copy without solutions to build/student
student:
	@"$(PYTHON)" tools/student_copy.py $(ARGS)

#: make test       run every test
test: setup-test
	@$(BIN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(NBVAL) --nbval-current-env $(ARGS) tests notebooks

#: make site       build the course as web pages: build/site/index.html
site: setup-test
	@$(BIN) tools/build_site.py $(ARGS)

#: make notebooks  run the notebooks and store their outputs
notebooks: setup-test
	@$(BIN) tools/store_notebooks.py $(ARGS)

#: make lint       check and format modules and notebooks
lint: setup-test
	@$(BIN) -m ruff check --fix . && $(BIN) -m ruff format .

#: make bench      measure speed and memory; some of it: make bench ARGS=gradients
bench: setup-test
	@$(BIN) -m benchmarks $(ARGS)
