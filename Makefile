# One command for each job; every one sets up what it needs.
.DEFAULT_GOAL := help
.PHONY: help demo test check lint docs bench fuzz

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

demo:  ## scan, mend and take back the recorded host that ships with virt-warden
	@tools/setup
	@.venv/bin/virt-warden demo

test:  ## all tests; as root on Debian or Ubuntu with the real components
	@tools/setup dev
	@tools/install-test-packages
	@.venv/bin/python -m pytest $(ARGS)

lint:  ## style, types and import contracts
	@tools/setup dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

check: lint test  ## everything that must be clean before a change is done

docs:  ## make the generated reference anew
	@tools/setup dev
	@.venv/bin/python -m tools.reference

bench:  ## measure speed and memory, as ratios
	@tools/setup dev
	@.venv/bin/python -m benchmarks

fuzz:  ## feed the parsers nonsense for SECONDS (60 each)
	@tools/setup dev
	@.venv/bin/python -m tests.fuzz --seconds $(or $(SECONDS),60)
