# One verb per wish; `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup run test test-fast check advisories format docs texts pictures bench trials wheel release failover

help: ## List the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## Make .venv from uv.lock
	@scripts/setup

run: setup ## Start the demo: a data folder of its own, sample events, a receiver
	@.venv/bin/heliograph demo

test: setup ## Every test, on SQLite and PostgreSQL and in Chromium
	@scripts/test

test-fast: setup ## Unit, property and architecture tests only
	@scripts/test --fast

check: setup ## Lint, format, types, import contracts, templates, migrations
	@scripts/check

advisories: setup ## Store known vulnerabilities anew: make advisories FROM=clone of the Python Packaging Advisory Database
	@.venv/bin/python scripts/advisories.py refresh "$(FROM)"

format: setup ## Format the code
	@.venv/bin/ruff check --quiet --fix-only . && .venv/bin/ruff format .
	@find src/heliograph -name '*.html' -exec sh -c '[ -z "$$(tail -c 1 "$$1")" ]' _ {} \; -exec .venv/bin/djade --target-version 6.1 {} +

docs: setup ## Write the settings' and commands' reference from the code
	@.venv/bin/python scripts/reference.py

texts: setup ## Bring the translations up to date with the sources; says what has none
	@.venv/bin/python scripts/texts.py

pictures: setup ## Take the README's pictures from a demo, the guide's from the tests
	@.venv/bin/python scripts/pictures.py
	@HELIOGRAPH_TEST_WRITE=1 .venv/bin/pytest -q tests/e2e/test_guide_pictures.py

bench: setup ## Benchmarks
	@scripts/bench

trials: setup ## The long tests: kills, hot registrations, a million rows
	@scripts/test --trials

wheel: setup ## Build the files of a release from the last commit, also where it is none
	@.venv/bin/python scripts/release.py --rehearse --build-only

release: setup ## Build a release: wheel, source, OpenAPI file, SBOM, checksums, container image
	@.venv/bin/python scripts/release.py

failover: setup ## Kill and partition the primary of a PostgreSQL cluster under load
	@scripts/failover
