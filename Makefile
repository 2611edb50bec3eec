# The front door. It needs Python 3.11 or newer and make; everything else goes into .venv, and removing that
# folder takes everything back.
#
#   make demo     the demo site on localhost:8000
#   make test     the tests on SQLite, and on the databases that TEST_POSTGRES and TEST_MYSQL name
#   make check    lint, types, architecture, templates, spelling
#   make matrix   the tests against the built wheel in each cell of the version matrix
#   make neighbours   allauth's own tests and django-otp's, with this package installed
#   make docs     the documentation, warnings are errors; Graphviz's dot draws its diagrams
#   make pictures  the picture of the README, drawn by Graphviz's dot
#   make rivals   the sources of the packages beside which the README compares this one, for the tests
#   make screenshots   pictures of all pages in each theme, in docs/_build/screenshots; and those that the documentation shows
#   make bench    the benchmark beside the rivals
#   make soak     20,000 logins through workers that are killed, on the PostgreSQL that TEST_POSTGRES names
#   make wheel    the distributions, in dist/

PYTHON ?= $(shell scripts/find-python)
JOBS ?= auto
# More arguments for pytest, as in: make test ARGS="tests/journeys -x"
ARGS ?=
# A cell of the version matrix: make test CELL=py313-django61 runs on SQLite there, against the wheel.
CELL ?=

CELLS := $(sort $(patsubst requirements/%.txt,%,$(wildcard requirements/py*.txt)))
NEWEST := $(lastword $(CELLS))
SCREENSHOTS := $(CURDIR)/docs/_build/screenshots

PIP_INSTALL := -m pip install --quiet --quiet --disable-pip-version-check --no-deps
LOCKED := $(PIP_INSTALL) --require-hashes --requirement
# The build back end is among the pinned packages, so the source tree is installed without fetching another.
EDITABLE := $(PIP_INSTALL) --no-build-isolation --editable .
PYTEST := -m pytest --numprocesses $(JOBS) --dist worksteal
TOOLS := .venv/tools/bin

.PHONY: help
help:
	@sed -n '4,/^$$/s/^# *//p' Makefile

# --- environments ------------------------------------------------------------------------------

.venv/.ready: $(wildcard requirements/py*.txt) pyproject.toml
	@echo "Setting up .venv ..."
	@test -n "$(PYTHON)"
	@"$(PYTHON)" -m venv .venv
	@.venv/bin/python $(LOCKED) requirements/$$(.venv/bin/python scripts/cell.py).txt
	@.venv/bin/python $(EDITABLE)
	@touch $@

.venv/.mysql: .venv/.ready requirements/mysql.txt
	@.venv/bin/python $(LOCKED) requirements/mysql.txt
	@touch $@

.venv/tools/.ready: requirements/tools.txt pyproject.toml
	@echo "Setting up .venv/tools ..."
	@test -n "$(PYTHON)"
	@"$(PYTHON)" -m venv --clear .venv/tools
	@$(TOOLS)/python $(LOCKED) requirements/tools.txt
	@$(TOOLS)/python $(EDITABLE)
	@touch $@

.PRECIOUS: .venv/cells/%/.ready
.venv/cells/%/.ready: requirements/%.txt
	@echo "Setting up .venv/cells/$* ..."
	@python=$$(scripts/find-python $$(echo $* | sed 's/^py3\([0-9]*\)-.*/3.\1/')) && "$$python" -m venv --clear .venv/cells/$*
	@.venv/cells/$*/bin/python $(LOCKED) requirements/$*.txt
	@touch $@

.venv/neighbours/.ready: requirements/neighbours.txt
	@echo "Setting up .venv/neighbours ..."
	@python=$$(scripts/find-python $$(echo $(NEWEST) | sed 's/^py3\([0-9]*\)-.*/3.\1/')) && "$$python" -m venv --clear .venv/neighbours
	@.venv/neighbours/bin/python $(LOCKED) requirements/neighbours.txt
	@touch $@

# Unpacked, not installed for use: two of them have names that would hide this package or another.
RIVALS := bench/.envs/rivals

$(RIVALS)/.ready: requirements/rivals.txt .venv/.ready
	@rm -rf $(RIVALS)
	@.venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --dest $(RIVALS)/wheels -r $<
	@.venv/bin/python -m zipfile -e $(RIVALS)/wheels/django_allauth_2fa-*.whl $(RIVALS)/old
	@.venv/bin/python -m zipfile -e $(RIVALS)/wheels/django_mfa-*.whl $(RIVALS)/django_mfa
	@.venv/bin/python -m zipfile -e $(RIVALS)/wheels/django_two_factor_auth-*.whl $(RIVALS)/two_factor
	@touch $@

# --- running it --------------------------------------------------------------------------------

.PHONY: demo
demo: .venv/.ready
	@.venv/bin/python demo/manage.py prepare_demo
	@exec .venv/bin/python demo/manage.py runserver localhost:8000

.PHONY: rivals
rivals: $(RIVALS)/.ready

.PHONY: bench
bench: .venv/.ready
	@.venv/bin/python bench/run.py $(ARGS)

.PHONY: soak
soak: .venv/.ready
	@.venv/bin/python -m soak $(ARGS)

# The tests that look at a page with axe keep its picture as well.
.PHONY: screenshots
screenshots: .venv/.ready
	@rm -rf $(SCREENSHOTS)
	TEST_SCREENSHOTS=$(SCREENSHOTS) .venv/bin/python $(PYTEST) $$(grep -l 'look_around(' tests/browser/test_*.py) $(ARGS)
	@.venv/bin/python scripts/pictures.py $(SCREENSHOTS)

# --- tests -------------------------------------------------------------------------------------

.PHONY: test test-sqlite test-postgres test-mysql
test: test-sqlite $(if $(TEST_POSTGRES),test-postgres) $(if $(TEST_MYSQL),test-mysql)

test-sqlite: $(or $(CELL),.venv/.ready)
	$(if $(CELL),,.venv/bin/python $(PYTEST) $(ARGS))

test-postgres: .venv/.ready
	TEST_DATABASE=postgres .venv/bin/python $(PYTEST) $(ARGS)

test-mysql: .venv/.mysql
	TEST_DATABASE=mysql .venv/bin/python $(PYTEST) $(ARGS)

# Each cell tests what a user would get: the wheel, not the source tree.
.PHONY: matrix coverage $(CELLS)
matrix: $(CELLS)

$(CELLS): %: .venv/cells/%/.ready wheel
	@.venv/cells/$*/bin/python $(PIP_INSTALL) --force-reinstall dist/*.whl
	@.venv/cells/$*/bin/python -c 'import allauth_2fa; assert "site-packages" in allauth_2fa.__file__, allauth_2fa.__file__'
	.venv/cells/$*/bin/python $(PYTEST) $(ARGS)

# The newest cell, and every line and branch of the package must have run.
coverage:
	@$(MAKE) --no-print-directory test-sqlite CELL=$(NEWEST) ARGS='--cov --cov-report=term-missing:skip-covered $(ARGS)'

# What passes in the suites of allauth and django-otp passes with this package too, but for what neighbours/differences.toml lists.
.PHONY: neighbours
neighbours: .venv/neighbours/.ready wheel
	@.venv/neighbours/bin/python $(PIP_INSTALL) --force-reinstall dist/*.whl
	@.venv/neighbours/bin/python -m neighbours --jobs $(JOBS) $(ARGS)

# --- checks ------------------------------------------------------------------------------------

.PHONY: check lint types architecture templates spelling format
check: lint types architecture templates spelling

lint: .venv/tools/.ready
	$(TOOLS)/ruff check
	$(TOOLS)/ruff format --check

types: .venv/tools/.ready
	$(TOOLS)/mypy

architecture: .venv/tools/.ready
	$(TOOLS)/lint-imports

templates: .venv/tools/.ready
	$(TOOLS)/djlint --lint src demo

spelling: .venv/tools/.ready
	$(TOOLS)/typos

# Mends what can be mended without thinking.
format: .venv/tools/.ready
	$(TOOLS)/ruff check --fix --exit-zero --quiet
	$(TOOLS)/ruff format

# --- what is given away ------------------------------------------------------------------------

.PHONY: docs pictures wheel
pictures:
	dot -Tsvg docs/pictures/ways-in.dot -o docs/_static/ways-in.svg

docs: .venv/tools/.ready
	$(TOOLS)/sphinx-build --nitpicky --fail-on-warning --keep-going --quiet docs docs/_build/html

wheel: dist/.built
	@ls dist

dist/.built: .venv/tools/.ready $(shell find src demo/demosite -type f -not -name '*.pyc') pyproject.toml README.md CHANGELOG.md LICENSE
	@rm -rf dist
	@$(TOOLS)/python -m build --no-isolation --outdir dist . >/dev/null
	@touch $@

# --- upkeep ------------------------------------------------------------------------------------

# ARGS=--upgrade moves every pin to the newest release.
.PHONY: requirements clean
requirements:
	@test -x .venv/uv/bin/uv || { "$(PYTHON)" -m venv .venv/uv && .venv/uv/bin/python $(PIP_INSTALL) uv; }
	@PATH="$(CURDIR)/.venv/uv/bin:$$PATH" "$(PYTHON)" requirements/compile.py $(ARGS)

clean:
	rm -rf .venv dist docs/_build
