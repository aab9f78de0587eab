# `make run` needs nothing but Python and make; `make help` tells the rest.
PYTHON ?= python3
INSTALL = -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help run test lint type bench clean

help:  ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s%s\n", $$1, $$2 }' Makefile

run: .venv/.installed  ## make a talking face from the embedded sample: out/demo.mp4
	.venv/bin/talkernel setup
	.venv/bin/talkernel sample --out out

bench: .venv/.installed  ## measure the speed on this machine
	.venv/bin/talkernel setup
	.venv/bin/talkernel benchmark

test: .venv-dev/.installed  ## run the tests
	.venv-dev/bin/talkernel setup
	.venv-dev/bin/python -m pytest

lint: .venv-dev/.installed  ## check the style
	.venv-dev/bin/ruff check .
	.venv-dev/bin/ruff format --check .

type: .venv-dev/.installed  ## check the types
	.venv-dev/bin/mypy --strict src

clean:  ## remove environments, caches and outputs
	rm -rf .venv .venv-dev out build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python $(INSTALL) --editable '.[sample]'
	touch $@

# torch goes in alone and first: left to the resolver, pip may pick a build that
# brings gigabytes of CUDA libraries. The constraint holds it to the tested version.
.venv-dev/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-dev
	.venv-dev/bin/python $(INSTALL) torch
	.venv-dev/bin/python $(INSTALL) --editable '.[dev]'
	touch $@
