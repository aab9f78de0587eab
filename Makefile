# `make run` needs nothing but Python and make; `make help` tells the rest.
PYTHON ?= python3
JOBS ?= 2
INSTALL = -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# For `make paper`: a folder of .mp4 clips with sound, people's names after the last _ of each
# file's; how many are measured; where results go. For `make ablation`: prepared tracks,
# and which of configs/ablation_*.yaml.
CLIPS ?=
LIMIT ?= 6
PAPER ?= out/paper
DATA ?=
TALKERNEL = .venv-dev/bin/talkernel
ABLATIONS ?= ours without_dck without_blending

.PHONY: help run test lint type bench clean paper ablation

help:  ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s%s\n", $$1, $$2 }' Makefile

run: .venv/.installed  ## make a talking face from the embedded sample: out/demo.mp4
	.venv/bin/talkernel sample --out out

bench: .venv/.installed  ## measure the speed on this machine
	.venv/bin/talkernel benchmark

paper: .venv-dev/.installed  ## the paper's figures and tables, of CLIPS=folder: out/paper
	mkdir -p $(PAPER)
ifeq ($(CLIPS),)
	$(TALKERNEL) sample --out $(PAPER)/sample
	mkdir -p $(PAPER)/clips && cp $(PAPER)/sample/demo.mp4 $(PAPER)/clips/sample_astronaut.mp4
	$(TALKERNEL) explain --out $(PAPER)/explain --overwrite
	$(TALKERNEL) evaluate $(PAPER)/clips --protocol photo --out $(PAPER)/photo
else
	$(TALKERNEL) explain $(wordlist 1,5,$(wildcard $(CLIPS)/*.mp4)) --out $(PAPER)/explain --overwrite
	$(TALKERNEL) explain --audio $(firstword $(wildcard $(CLIPS)/*.mp4)) --only map \
		--only sensitivity --out $(PAPER)/explain_speech --overwrite
	for protocol in photo cross silence; do $(TALKERNEL) evaluate $(CLIPS) --protocol $$protocol \
		--per-person --limit $(LIMIT) --out $(PAPER)/$$protocol || exit 1; done
endif
	$(TALKERNEL) benchmark --json > $(PAPER)/benchmark.json
	$(TALKERNEL) tables ours=$(PAPER)/photo --out $(PAPER)/tables --overwrite

ablation: .venv-dev/.installed  ## train and compare the ablations, on DATA=folder of tracks
	@test -n "$(DATA)" || { echo "Say make ablation DATA=FOLDER, made by talkernel prepare."; exit 2; }
	mkdir -p out/ablation
	test -f out/ablation/basis.npz || \
		$(TALKERNEL) train basis --tracks $(DATA) --out out/ablation/basis.npz
	for name in $(ABLATIONS); do $(TALKERNEL) train --config configs/ablation_$$name.yaml \
		--set data.tracks=$(DATA) --set data.basis=out/ablation/basis.npz \
		--set out=out/ablation/$$name || exit 1; done
	$(TALKERNEL) ablation $(foreach name,$(ABLATIONS),$(name)=out/ablation/$(name)/last.pt) \
		--tracks $(DATA) --basis out/ablation/basis.npz --out out/ablation

test: .venv-dev/.installed  ## run the tests
	OMP_NUM_THREADS=1 .venv-dev/bin/python -m pytest -n $(JOBS) --dist loadscope

lint: .venv-dev/.installed  ## check the style
	.venv-dev/bin/ruff check .
	.venv-dev/bin/ruff format --check .
	.venv-dev/bin/lint-imports

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
