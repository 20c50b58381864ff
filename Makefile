# DataWave. Every target does its own set-up; nothing else is needed than Python 3.11 and make.
PYTHON ?= python3
BIN := .venv/bin
# The checks of the house that are tests: schema snapshot, models = migrations, permissions, documents.
HOUSE := $(wildcard tests/test_house.py tests/test_house tests/test_schema_snapshot.py tests/test_migrations.py)

.PHONY: run test test-long check bench web clean

run: ## the whole product on this machine, until Ctrl-C
	@$(PYTHON) deploy/bootstrap.py run
	@exec $(BIN)/datawave up

test: ## the whole suite, in parallel
	@$(PYTHON) deploy/bootstrap.py dev
	@$(BIN)/python -m tests.clients.packages
	@$(BIN)/pytest -n auto --dist worksteal -m "not long" $(ARGS)

test-long: ## the long forms of property and crash tests
	@$(PYTHON) deploy/bootstrap.py dev
	@$(BIN)/pytest -n auto --dist worksteal -m long $(ARGS)

check: ## lint, format, types, layers, and the checks of the house
	@$(PYTHON) deploy/bootstrap.py dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports
	@$(if $(HOUSE),$(BIN)/pytest -m "not long" $(HOUSE))

bench: ## the benchmarks, as ratios
	@$(PYTHON) deploy/bootstrap.py dev
	@$(PYTHON) deploy/bootstrap.py run
	@$(BIN)/python -m benchmarks $(ARGS)

web: ## build the dashboard if its sources changed
	@$(PYTHON) deploy/bootstrap.py run
	@$(BIN)/python -m datawave.supervisor.web .

clean: ## everything that was built; the state in .datawave stays
	rm -rf .venv web/dist web/node_modules tests/clients/node_modules .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './web/*' -prune -exec rm -rf {} +
