# Parley's commands. `make help` lists them. Needs git, make and Python 3.11 or newer; no compiler, no sudo.

PYTHON ?= python3
BIN := .venv/bin
PROTOS_BIN := .venv-protos/bin
PYTEST := $(BIN)/python -m pytest
export PYTHONPATH := .:protos/gen
export PIP_ROOT_USER_ACTION := ignore
# Integration tests that run beside the others, in two lots; all three take about as long.
LATE := bench reconnect model_faults long_conversation redis_outage locks tls
LASTING := sentinel cluster net resume takeover_ingress takeover_broker takeover_vad rolling_restart traces traces_takeover observed_ring
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup run trace talk token certificates live test check unit integration e2e conformance bench chaos chaos-short rolling soak fuzz clients eval enrol train images up down test-images test-jaeger test-k8s test-web test-esp32 fmt protos lock clean dev-setup protos-setup sdk-setup k8s-setup web-setup fuzz-setup

help: ## Show this list
	@echo 'Parley holds spoken conversations. Start with: make run'
	@echo
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo '  The first call installs what it needs into .venv (about a minute); PYTHON=python3.12 picks the Python.'

run: setup ## Start the ring on this machine and hold a demonstration conversation (ARGS=--help says more)
	@$(BIN)/python -m local $(ARGS)

trace: setup ## Show where the time of the last turns went, stage by stage (ARGS=--help says more)
	@$(BIN)/python -m local.trace $(ARGS)

talk: setup ## Talk to a running ring with the desktop program (ARGS=--help says more)
	@$(BIN)/python -m clients.desktop $(ARGS)

token: setup ## Make a token that callers show: make token AGENT=default MINUTES=15 (ARGS=--help: keys, devices, revoking)
	@$(BIN)/python -m services.ingress.locks $(if $(AGENT),--agent '$(AGENT)') $(if $(MINUTES),--minutes '$(MINUTES)') $(ARGS)

certificates: ## Make a CA and certificates to try TLS with: make certificates OUT=certificates (NAMES='parley.example 10.0.0.5')
	@test -n "$(OUT)" || { echo 'Say where to: make certificates OUT=certificates'; exit 2; }
	@$(PYTHON) scripts/certificates.py '$(OUT)' $(NAMES)

live: ## Install microphone and speaker support for `make talk` (on Linux it needs libportaudio2)
	@$(PYTHON) scripts/bootstrap.py .venv lock/local.txt lock/live.txt

setup: ## Install what `make run` needs: the packages and the speech models (instant when they are there)
	@$(PYTHON) scripts/bootstrap.py .venv lock/local.txt
	@$(BIN)/python scripts/fetch_models.py

test: check unit integration e2e conformance chaos-short ## Run everything: check, then unit, integration, end-to-end, conformance tests, and the short chaos

check: dev-setup protos-setup ## Check format, lint, types, and that the generated code matches the protos
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python -m mypy
	@scripts/gen_protos.sh --check

unit: dev-setup ## Run the unit tests: fast, no network, virtual time; the web client's in node, where that is
	$(PYTEST) tests/unit tests/web/core tests/web/ui $(ARGS)

integration: dev-setup ## Run the integration tests: one service at a time, against real neighbours or fakes
	@echo 'Three lots run side by side; their reports come one after the other. Then the one about pressure, by itself.'
	@scripts/side_by_side.sh "$(ARGS)" \
	  'tests/integration --ignore tests/integration/bad_input $(foreach lot,$(LATE) $(LASTING) pressure abuse,--ignore tests/integration/test_$(lot).py)' \
	  '$(foreach lot,$(LATE),tests/integration/test_$(lot).py) tests/integration/bad_input' \
	  '$(foreach lot,$(LASTING),tests/integration/test_$(lot).py)'
	$(PYTEST) tests/integration/test_pressure.py tests/integration/test_abuse.py $(ARGS)

e2e: dev-setup ## Run the end-to-end tests: the whole ring, spoken to
	@echo 'Three lots run side by side (conversations, a lost model; races, the engine as the model; the rest);'
	@echo 'their reports come one after the other.'
	@scripts/side_by_side.sh "$(ARGS)" \
	  'tests/e2e/test_conversation.py tests/e2e/test_model_lost.py' \
	  'tests/e2e/test_races.py tests/e2e/test_voice.py tests/e2e/test_tools.py tests/e2e/test_endings.py' \
	  'tests/e2e $(foreach lot,conversation races voice tools endings model_lost,--ignore tests/e2e/test_$(lot).py)'

conformance: dev-setup sdk-setup ## Run the official clients, unmodified, against the engine: openai, openai-agents, @openai/agents
	$(PYTEST) tests/conformance $(ARGS)

bench: dev-setup ## Measure waits and costs, six and a half minutes: make bench OUT=figures.json (DATA=folder, ARGS=--help)
	@test -n "$(OUT)$(ARGS)" || { echo 'Say where the figures shall go: make bench OUT=figures.json'; exit 2; }
	@$(BIN)/python -m tests.load $(if $(OUT),--out '$(OUT)') $(if $(DATA),--data '$(DATA)') $(ARGS)

chaos: dev-setup ## Kill, freeze, cut off and slow every part in mid-conversation, 20 minutes: make chaos OUT=chaos.json (ARGS=--help)
	@test -n "$(OUT)$(ARGS)" || { echo 'Say where the figures shall go: make chaos OUT=chaos.json'; exit 2; }
	@$(BIN)/python -m tests.chaos $(if $(OUT),--out '$(OUT)') $(ARGS)

chaos-short: dev-setup ## The short form of the same: every two of stage, fault and moment, two and a half minutes
	$(PYTEST) -s tests/chaos $(ARGS)

rolling: dev-setup ## Restart every service under twenty conversations, and none may be lost: make rolling OUT=rolling.json (ARGS=--help)
	@test -n "$(OUT)$(ARGS)" || { echo 'Say where the figures shall go: make rolling OUT=rolling.json'; exit 2; }
	@$(BIN)/python -m tests.rolling $(if $(OUT),--out '$(OUT)') $(ARGS)

soak: dev-setup ## Twenty conversations for twenty minutes, and nothing grows: make soak OUT=soak.json (ARGS=--help)
	@test -n "$(OUT)$(ARGS)" || { echo 'Say where the figures shall go: make soak OUT=soak.json'; exit 2; }
	@$(BIN)/python -m tests.soak $(if $(OUT),--out '$(OUT)') $(ARGS)

fuzz: dev-setup fuzz-setup ## Send both doors what nobody should, ten minutes each: make fuzz SECONDS=600 (ARGS=--help)
	@$(BIN)/python -m tests.fuzz $(if $(SECONDS),--seconds '$(SECONDS)') $(ARGS)

clients: dev-setup ## Measure the clients on good and bad networks, half an hour: make clients OUT=clients.json (ARGS=--help)
	@test -n "$(OUT)$(ARGS)" || { echo 'Say where the figures shall go: make clients OUT=clients.json'; exit 2; }
	@$(BIN)/python -m tests.clients $(if $(OUT),--out '$(OUT)') $(ARGS)

eval: dev-setup ## Score the ear on recordings: make eval DATA=folder OUT=figures.json (ARGS=--help)
	@test -n "$(OUT)$(ARGS)" || { echo 'Say where the figures shall go: make eval OUT=figures.json'; exit 2; }
	@$(BIN)/python -m tests.eval $(if $(OUT),--out '$(OUT)') $(if $(DATA),--data '$(DATA)') $(ARGS)

enrol: setup ## Teach the ear a word: make enrol WORD=computer OUT=computer.npz FILES='a.wav b.wav c.wav' (CHECK=…)
	@test -n "$(WORD)" -a -n "$(OUT)" -a -n "$(FILES)" || \
	  { echo "Say what and from where: make enrol WORD=computer OUT=computer.npz FILES='a.wav b.wav c.wav'"; exit 2; }
	@$(BIN)/python -m services.vad.content.enrol --word '$(WORD)' --out '$(OUT)' $(FILES) $(if $(CHECK),--check $(CHECK))

train: dev-setup ## Train the content head again: make train DATA='folder folder' OUT=head.npz (ARGS=--help)
	@test -n "$(OUT)$(ARGS)" || { echo "Say where the weights shall go: make train DATA='folder folder' OUT=head.npz"; exit 2; }
	@$(BIN)/python -m training.content $(if $(OUT),--out '$(OUT)') $(foreach folder,$(DATA),--data '$(folder)') $(ARGS)

images: ## Build an image of each service with docker or podman (SERVICES='vad broker': only those)
	@scripts/containers.sh images

up: ## Start the ring as containers, and build what is missing (WITH='locked observability': docs/containers.md)
	@scripts/containers.sh up

down: ## Stop and remove what `make up` has started
	@scripts/containers.sh down

test-images: dev-setup ## Build the images, run the ring as containers and talk to it; ten minutes (needs podman or docker, and root)
	$(PYTEST) tests/containers -rA -p no:cacheprovider $(ARGS)

test-jaeger: dev-setup ## Look at a real ring's traces through a real Jaeger v2; skipped where no `jaeger` is on the PATH
	$(PYTEST) tests/jaeger -rs $(ARGS)

test-web: dev-setup web-setup ## Test the web client: its core in node, its page in a real chromium (skipped where one is missing)
	$(PYTEST) tests/web -rs $(ARGS)

test-esp32: dev-setup ## Test the ESP32 client: its core (sanitizers, fuzzer, vectors, rv32imc in QEMU, what it weighs) and its ports (skipped where tools are missing)
	$(PYTEST) tests/esp32_core tests/esp32 $(ARGS)

test-k8s: dev-setup k8s-setup ## Render and check the manifests in k8s/, five minutes (needs kubectl or kustomize; KUBECONFIG: asks that API server)
	$(PYTEST) tests/k8s $(ARGS)

fmt: dev-setup ## Format the code and mend what the linter can
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

protos: protos-setup ## Generate protos/gen from protos/parley again, after a change to a .proto file
	@scripts/gen_protos.sh

lock: ## Resolve lock/*.txt again, after a change to the dependencies (needs uv: pip install uv)
	@command -v uv >/dev/null || { echo 'make lock needs uv: pip install uv'; exit 1; }
	@scripts/lock.sh

clean: ## Remove what was made here: environments, caches, recordings (the next call sets up again)
	rm -rf .venv .venv-* .venv*.lock .mypy_cache .ruff_cache .pytest_cache .hypothesis run
	rm -rf tests/conformance/node/node_modules tests/conformance/node/.npm.lock
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

dev-setup:
	@$(PYTHON) scripts/bootstrap.py .venv lock/dev.txt
	@$(BIN)/python scripts/fetch_models.py

protos-setup:
	@$(PYTHON) scripts/bootstrap.py .venv-protos lock/protos.txt

k8s-setup:
	@$(PYTHON) scripts/bootstrap.py .venv-k8s lock/k8s.txt

web-setup:
	@$(PYTHON) scripts/bootstrap.py .venv-web lock/web.txt

fuzz-setup:
	@$(PYTHON) scripts/bootstrap.py .venv-fuzz lock/ingress.txt lock/fuzz.txt

sdk-setup:
	@$(PYTHON) scripts/bootstrap.py .venv-sdk lock/sdk.txt
	@$(PYTHON) scripts/npm_packages.py tests/conformance/node .venv-sdk/bin
